// What a reader of a source hands its results to, one at a time, so that a source of a million resources is never held
// whole in memory.
#pragma once

#include <string>

#include "baseline/baseline.hpp"

namespace plumbline::baseline {

/// Takes what a reader finds, in the source's order. Used by one thread. What arrived before a reader's error is thrown
/// away by whoever owns the builder: a source is taken whole or not at all.
class Builder {
 public:
  virtual ~Builder() = default;

  /// One part of the source's revision: ("serial", "7"), ("lineage", "…"), ("version", "3"). Once for each name.
  virtual void revision(const std::string& name, const std::string& value) = 0;

  /// Every managed resource of the source, file or not. The reader may reuse the object afterwards.
  virtual void resource(const Resource& resource) = 0;

  /// A file on a node that a resource stands for; its address has been given to resource() before.
  virtual void file(FileExpectation file) = 0;

  /// What is left out, and why: nothing is left out in silence.
  virtual void skip(std::string address, std::string why) = 0;

  /// The source is whole, but shows nothing of its resources here (encrypted, without a key): a node must not take that
  /// for "nothing is managed any more".
  virtual void opaque(std::string address, std::string why) { skip(std::move(address), std::move(why)); }
};

/// Collects everything into a Baseline: for the sources of a node, which are small.
class BaselineBuilder final : public Builder {
 public:
  enum class Keep { all, no_attributes, no_resources };
  explicit BaselineBuilder(Keep keep = Keep::all) : keep_(keep) {}

  void revision(const std::string& name, const std::string& value) override { result_.revision[name] = value; }
  void resource(const Resource& resource) override {
    if (keep_ == Keep::no_resources) return;
    if (keep_ == Keep::all) {
      result_.resources.push_back(resource);
      return;
    }
    Resource& slim = result_.resources.emplace_back();
    slim.address = resource.address;
    slim.provider = resource.provider;
    slim.type = resource.type;
    slim.ids = resource.ids;
  }
  void file(FileExpectation file) override { result_.files.push_back(std::move(file)); }
  void skip(std::string address, std::string why) override {
    result_.skipped.push_back({std::move(address), std::move(why)});
  }

  void opaque(std::string address, std::string why) override {
    opaque_ = why;
    skip(std::move(address), std::move(why));
  }
  /// Why nothing can be seen of the source's resources; "" where they can.
  const std::string& why_opaque() const { return opaque_; }

  Baseline take() { return std::move(result_); }

 private:
  Keep keep_;
  std::string opaque_;
  Baseline result_;
};

}  // namespace plumbline::baseline
