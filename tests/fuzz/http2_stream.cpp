// A connection of HTTP/2 of which pieces are lost: the input's calls behind both sides' prefaces, or from its middle
// where the first byte is odd. And HPACK alone, whose fields must never be others than those of libnghttp2.
#include <nghttp2/nghttp2.h>

#include "agent/decode/hpack.hpp"
#include "tests/fuzz/http_stream.hpp"

namespace {

using namespace plumbline;
using namespace std::string_literals;
using Fields = std::vector<std::pair<std::string, std::string>>;

/// What libnghttp2 makes of a block; false where it refuses it.
bool inflate(nghttp2_hd_inflater* inflater, std::string_view block, Fields& fields) {
  const auto* in = reinterpret_cast<const std::uint8_t*>(block.data());
  std::size_t left = block.size();
  for (;;) {
    nghttp2_nv pair{};
    int flags = 0;
    const auto used = nghttp2_hd_inflate_hd2(inflater, &pair, &flags, in, left, 1);
    if (used < 0) return false;
    in += used;
    left -= static_cast<std::size_t>(used);
    if ((flags & NGHTTP2_HD_INFLATE_EMIT) != 0)
      fields.emplace_back(std::string(reinterpret_cast<const char*>(pair.name), pair.namelen),
                          std::string(reinterpret_cast<const char*>(pair.value), pair.valuelen));
    if ((flags & NGHTTP2_HD_INFLATE_FINAL) != 0) break;
    if ((flags & NGHTTP2_HD_INFLATE_EMIT) == 0 && left == 0) return false;
  }
  nghttp2_hd_inflate_end_headers(inflater);
  return true;
}

void compare_hpack(const std::vector<fuzz::FuzzCall>& blocks) {
  nghttp2_hd_inflater* inflater = nullptr;
  if (nghttp2_hd_inflate_new(&inflater) != 0) std::abort();
  agent::Hpack hpack(300);
  for (const auto& block : blocks) {
    Fields real, ours;
    if (!inflate(inflater, block.bytes, real)) break;
    if (block.is_lost) {
      hpack.forget();
      continue;
    }
    fuzz::must(hpack.decode(block.bytes,
                            [&](const agent::HpackField& field) {
                              const std::size_t at = ours.size();
                              fuzz::must(at < real.size(), "no more fields than there are");
                              fuzz::must(!field.name || *field.name == real[at].first, "a name that is known is right");
                              fuzz::must(!field.value || *field.value == real[at].second,
                                         "a value that is known is right");
                              ours.emplace_back();
                            }),
               "what libnghttp2 reads is readable");
    fuzz::must(ours.size() == real.size(), "as many fields as there are");
  }
  nghttp2_hd_inflate_del(inflater);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  auto calls = fuzz::calls_of({reinterpret_cast<const char*>(data) + 1, size - 1});
  compare_hpack(calls);
  if (data[0] % 2 == 0) {
    const std::string settings = "\0\0\0\4\0\0\0\0\0"s;
    calls.insert(calls.begin(),
                 {{agent::Direction::out, false, false, false, "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + settings},
                  {agent::Direction::in, false, false, false, settings}});
  }
  fuzz::run(calls);
  return 0;
}
