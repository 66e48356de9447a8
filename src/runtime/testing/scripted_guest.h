#pragma once
/// ScriptedGuest: the guest's end of the protocol by hand, well-behaved where a test does not say otherwise.
///
/// Blocking, for a FakeCell's thread. serve() answers the handshake and file operations and hands commands to the
/// script.
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/fd.h"
#include "guest/file_messages.h"
#include "guest/messages.h"

namespace brig::runtime::testing {

class ScriptedGuest {
 public:
  explicit ScriptedGuest(FdRef fd) : fd_(fd) {}

  using OnExec = std::function<void(ScriptedGuest&, std::uint32_t channel)>;

  struct File {
    std::string text;
    guest::FileType type = guest::FileType::kRegular;
  };
  std::map<std::string, File> left;            ///< what is in /workspace when the host lists it, by relative path
  std::map<std::string, std::string> written;  ///< by absolute path
  std::vector<std::string> argv;               ///< of the last command
  std::string input;                           ///< what came on its standard input so far
  bool is_lying_about_lists = false;           ///< sends a broken frame in place of a listing

  /// Until the host closes the channel.
  void serve(const OnExec& on_exec) {
    while (read_frame()) {
      switch (header_.type) {
        case guest::Type::kHello: send(guest::HelloAck{}, header_.channel); break;
        case guest::Type::kWriteFile: writing_[header_.channel] = std::string(as<guest::WriteFile>().path); break;
        case guest::Type::kData: on_data(); break;
        case guest::Type::kEnd: on_end(); break;
        case guest::Type::kExec:
          argv.clear();
          as<guest::Exec>().argv.for_each([this](std::string_view word) { argv.emplace_back(word); });
          on_exec(*this, header_.channel);
          break;
        case guest::Type::kStat:
          send(guest::Entry{.file_type = 1, .device = 7}, header_.channel);
          send(guest::Done{}, header_.channel);
          break;
        case guest::Type::kList: list(); break;
        case guest::Type::kReadFile: read_file(); break;
        case guest::Type::kClose: send(guest::Closed{}, header_.channel); break;
        case guest::Type::kStop: return;
        default: break;
      }
    }
  }

  /// A whole well-behaved command.
  void run(std::uint32_t channel, std::string_view out, std::string_view err, const guest::Exited& end,
           std::string_view results = {}) {
    send(guest::Started{.pid = 2}, channel);
    print(channel, guest::Stream::kOut, out);
    print(channel, guest::Stream::kErr, err);
    print(channel, guest::Stream::kResults, results);
    send(end, channel);
    for (const auto stream : {guest::Stream::kOut, guest::Stream::kErr, guest::Stream::kResults}) {
      send_frame(guest::Type::kEnd, stream, channel, {});
    }
  }

  /// At most kWindow bytes in all: nobody waits for credit here.
  void print(std::uint32_t channel, guest::Stream stream, std::string_view text) {
    for (; !text.empty(); text.remove_prefix(std::min(text.size(), guest::kPayloadMax))) {
      send_frame(guest::Type::kData, stream, channel, text.substr(0, guest::kPayloadMax));
    }
  }

  template <class Message>
  void send(const Message& message, std::uint32_t channel) {
    std::vector<std::byte> frame(guest::kHeaderSize + guest::kPayloadMax);
    const auto size = guest::encode(message, channel, frame);
    if (size) write(std::span(frame).first(*size));
  }

  void send_frame(guest::Type type, guest::Stream stream, std::uint32_t channel, std::string_view payload) {
    std::array<std::byte, guest::kHeaderSize> header;
    guest::encode_header(
        {.length = static_cast<std::uint32_t>(payload.size()), .type = type, .stream = stream, .channel = channel},
        header);
    write(header);
    write(std::as_bytes(std::span(payload)));
  }

  void send_garbage() { write(std::as_bytes(std::span("\xff\xff\xff\xff garbage that is no frame at all", 36))); }

  /// The next frame; false at the end of the channel.
  bool read_frame() {
    std::array<std::byte, guest::kHeaderSize> header;
    if (!read(header)) return false;
    const auto decoded = guest::decode_header(header);
    if (!decoded) return false;
    header_ = *decoded;
    payload_.resize(header_.length);
    return read(payload_);
  }
  [[nodiscard]] const guest::Header& header() const { return header_; }

 private:
  template <class Message>
  Message as() const {
    return guest::decode<Message>(header_, payload_).value_or(Message{});
  }

  void on_data() {
    const std::string_view text(reinterpret_cast<const char*>(payload_.data()), payload_.size());
    const auto file = writing_.find(header_.channel);
    (file != writing_.end() ? written[file->second] : input) += text;
    if (!text.empty()) send(guest::Window{.bytes = static_cast<std::uint32_t>(text.size())}, header_.channel);
  }

  void on_end() {
    const auto file = writing_.find(header_.channel);
    if (file == writing_.end()) return;
    written.try_emplace(file->second);
    writing_.erase(file);
    send(guest::Done{}, header_.channel);
  }

  void list() {
    if (is_lying_about_lists) return send_garbage();
    for (const auto& [path, file] : left) {
      send(guest::Entry{.file_type = static_cast<std::uint8_t>(file.type),
                        .mode = 0644,
                        .size = file.text.size(),
                        .device = 7,
                        .path = path},
           header_.channel);
    }
    send(guest::Done{}, header_.channel);
  }

  void read_file() {
    const std::string path(as<guest::ReadFile>().path);
    const auto file = left.find(path.substr(std::min(path.size(), std::string_view("/workspace/").size())));
    if (file == left.end()) return send(guest::Failed{.os_error = 2, .text = "open"}, header_.channel);
    print(header_.channel, guest::Stream::kFile, file->second.text);
    send(guest::Done{}, header_.channel);
  }

  void write(std::span<const std::byte> bytes) {
    while (!bytes.empty()) {
      const ssize_t count = ::send(fd_.get(), bytes.data(), bytes.size(), MSG_NOSIGNAL);
      if (count <= 0) return;  // the host is gone, which read_frame() will see
      bytes = bytes.subspan(static_cast<std::size_t>(count));
    }
  }

  bool read(std::span<std::byte> bytes) {
    while (!bytes.empty()) {
      const ssize_t count = ::recv(fd_.get(), bytes.data(), bytes.size(), 0);
      if (count <= 0) return false;
      bytes = bytes.subspan(static_cast<std::size_t>(count));
    }
    return true;
  }

  FdRef fd_;
  guest::Header header_;
  std::vector<std::byte> payload_;
  std::map<std::uint32_t, std::string> writing_;
};

}  // namespace brig::runtime::testing
