#include "agent/spool/segment.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <cstring>

#include "agent/spool/crc32c.hpp"
#include "agent/spool/little_endian.hpp"

namespace plumbline::agent {
namespace {

constexpr std::string_view magic = "PLUMSEG\n";
constexpr std::string_view marker("\xf5\x00\xfe\x5a", 4);  // 0xf5, 0xfe and a raw zero are in no JSON text
constexpr std::size_t window_bytes = std::size_t{256} << 10;
constexpr std::size_t page_bytes = 4096;
constexpr int read_tries = 3;

std::span<const std::byte> bytes_of(std::string_view text) {
  return std::as_bytes(std::span(text));
}

}  // namespace

std::string encode_segment_header(const SegmentHeader& header) {
  std::string out(magic);
  put_le(out, header.version);
  put_le(out, std::uint32_t{0});
  put_le(out, header.first_sequence);
  put_le(out, header.created_at);
  put_le(out, crc32c(bytes_of(out)));
  put_le(out, std::uint32_t{0});
  return out;
}

std::optional<SegmentHeader> decode_segment_header(std::span<const std::byte> bytes) {
  if (bytes.size() < segment_header_bytes || std::memcmp(bytes.data(), magic.data(), magic.size()) != 0)
    return std::nullopt;
  if (get_le<std::uint32_t>(bytes, 32) != crc32c(bytes.first(32))) return std::nullopt;
  return SegmentHeader{get_le<std::uint32_t>(bytes, 8), get_le<std::uint64_t>(bytes, 16), get_le<WallNs>(bytes, 24)};
}

Result<void> append_frame(std::string& out, const wire::Record& record, std::uint32_t place, bool commit) {
  const std::string what = "append record " + std::to_string(record.sequence) + " to the spool";
  if (record.body.empty() || record.body.size() > wire::max_record_body_bytes)
    return invalid(what, "its body has " + std::to_string(record.body.size()) + " bytes, allowed are 1 to " +
                             std::to_string(wire::max_record_body_bytes));
  if (record.type.size() > std::numeric_limits<std::uint8_t>::max() ||
      record.id.size() > std::numeric_limits<std::uint16_t>::max())
    return invalid(what, "its type or id is too long");
  std::string header;
  header.reserve(frame_header_bytes);
  std::uint32_t payload = crc32c(bytes_of(record.type));
  payload = crc32c(bytes_of(record.id), payload);
  payload = crc32c(bytes_of(record.body), payload);
  put_le(header, payload);
  put_le(header, static_cast<std::uint32_t>(record.body.size()));
  put_le(header, record.sequence);
  put_le(header, record.at);
  put_le(header, static_cast<std::uint8_t>(record.type.size()));
  put_le(header, commit ? flag_commit : std::uint8_t{0});
  put_le(header, static_cast<std::uint16_t>(record.id.size()));
  put_le(header, place);
  out += marker;
  put_le(out, crc32c(bytes_of(header)));
  out += header;
  out += record.type;
  out += record.id;
  out += record.body;
  return {};
}

std::string segment_name(std::uint64_t first_sequence) {
  const std::string digits = std::to_string(first_sequence);
  return std::string(20 - digits.size(), '0') + digits + ".seg";
}

std::optional<std::uint64_t> parse_segment_name(std::string_view name) {
  if (name.size() != 24 || name.substr(20) != ".seg") return std::nullopt;
  std::uint64_t first = 0;
  const auto [end, problem] = std::from_chars(name.data(), name.data() + 20, first);
  if (problem != std::errc() || end != name.data() + 20 || first == 0) return std::nullopt;
  return first;
}

Result<std::optional<Frame>> SegmentReader::next() {
  std::uint64_t begin = at_;  // of what may have to be skipped
  const auto failed = [&](const Error& error) {
    at_ = begin;
    return error;
  };
  while (at_ < end_) {
    auto frame = frame_at(at_);
    if (!frame) return failed(frame.error());
    if (*frame) {
      skipped(begin, at_);
      at_ = (*frame)->end;
      last_sequence_ = (*frame)->record.sequence;
      return frame;
    }
    if (bad_payload_end_ != 0) {
      skipped(begin, bad_payload_end_);
      begin = at_ = bad_payload_end_;
      continue;
    }
    auto found = find_marker(at_ + 1);
    if (!found) return failed(found.error());
    at_ = *found;
  }
  skipped(begin, at_);
  return std::optional<Frame>{};
}

/// The frame that begins exactly at `offset`; nullopt where there is none that can be trusted.
Result<std::optional<Frame>> SegmentReader::frame_at(std::uint64_t offset) {
  bad_payload_end_ = 0;
  const std::optional<Frame> none;
  auto read = bytes_at(offset, frame_header_bytes);
  if (!read) return read.error();
  const auto header = *read;
  if (header.size() < frame_header_bytes || std::memcmp(header.data(), marker.data(), marker.size()) != 0) return none;
  if (get_le<std::uint32_t>(header, 4) != crc32c(header.subspan(8, frame_header_bytes - 8))) return none;

  Frame frame;
  const auto payload_crc = get_le<std::uint32_t>(header, 8);
  const std::size_t body_size = get_le<std::uint32_t>(header, 12);
  frame.record.sequence = get_le<std::uint64_t>(header, 16);
  frame.record.at = get_le<WallNs>(header, 24);
  const std::size_t type_size = get_le<std::uint8_t>(header, 32);
  frame.commit = (get_le<std::uint8_t>(header, 33) & flag_commit) != 0;
  const std::size_t id_size = get_le<std::uint16_t>(header, 34);
  frame.place = get_le<std::uint32_t>(header, 36);
  if (body_size > max_body_bytes || frame.record.sequence <= last_sequence_) return none;

  const std::size_t size = frame_header_bytes + type_size + id_size + body_size;
  auto whole = bytes_at(offset, size);
  if (!whole) return whole.error();
  if (whole->size() < size) return none;
  frame.offset = offset;
  frame.end = offset + size;
  const auto payload = whole->subspan(frame_header_bytes);
  if (crc32c(payload) != payload_crc) {
    bad_payload_end_ = frame.end;
    return none;
  }
  const auto* text = reinterpret_cast<const char*>(payload.data());
  frame.record.type.assign(text, type_size);
  frame.record.id.assign(text + type_size, id_size);
  frame.record.body.assign(text + type_size + id_size, body_size);
  return std::optional<Frame>(std::move(frame));
}

/// Where the next marker begins at or after `from`; the end where there is none.
Result<std::uint64_t> SegmentReader::find_marker(std::uint64_t from) {
  while (from + marker.size() <= end_) {
    // What the window still holds is searched first: a new read for each false marker would make damage slow to skip.
    const std::uint64_t loaded = window_begin_ + window_.size();
    const bool inside = from >= window_begin_ && from + marker.size() <= loaded;
    auto read = bytes_at(from, std::min<std::uint64_t>(inside ? loaded - from : window_bytes, end_ - from));
    if (!read) return read.error();
    if (read->size() < marker.size()) break;
    const std::string_view text(reinterpret_cast<const char*>(read->data()), read->size());
    if (const auto found = text.find(marker); found != std::string_view::npos) return from + found;
    from += read->size() - (marker.size() - 1);
  }
  return end_;
}

/// `size` bytes at `offset`, or as many as there are before the end. Valid until the next call.
Result<std::span<const std::byte>> SegmentReader::bytes_at(std::uint64_t offset, std::size_t size) {
  size = static_cast<std::size_t>(std::min<std::uint64_t>(size, end_ - std::min(offset, end_)));
  if (offset < window_begin_ || offset + size > window_begin_ + window_.size()) {
    const std::uint64_t wanted = std::max<std::uint64_t>(size, window_bytes);
    window_.resize(static_cast<std::size_t>(std::min(wanted, end_ - offset)));
    window_begin_ = offset;
    auto loaded = load(offset, window_);
    if (!loaded) {
      window_.clear();
      return loaded.error();
    }
    window_.resize(*loaded);
  }
  const std::span<const std::byte> all(window_);
  const auto skip = static_cast<std::size_t>(offset - window_begin_);
  return all.subspan(std::min(skip, all.size())).first(std::min(size, all.size() - std::min(skip, all.size())));
}

/// One read; where that fails for good and skipping is allowed, page by page, unreadable ones as zeros.
Result<std::size_t> SegmentReader::load(std::uint64_t offset, std::span<std::byte> out) {
  Result<std::size_t> read = file_.read_at(offset, out);
  for (int i = 1; i < read_tries && !read; ++i) read = file_.read_at(offset, out);
  if (read || !skip_unreadable_) return read;
  met_unreadable_ = true;
  for (std::size_t done = 0; done < out.size();) {
    const std::size_t page =
        std::min(out.size() - done, page_bytes - static_cast<std::size_t>((offset + done) % page_bytes));
    const auto part = out.subspan(done, page);
    auto one = file_.read_at(offset + done, part);
    if (!one) std::fill(part.begin(), part.end(), std::byte{0});
    if (one && *one < page) return done + *one;
    done += page;
  }
  return out.size();
}

void SegmentReader::skipped(std::uint64_t from, std::uint64_t to) {
  if (to > from) damage_.push_back({from, to - from});
}

}  // namespace plumbline::agent
