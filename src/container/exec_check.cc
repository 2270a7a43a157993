#include "container/exec_check.h"

#include <elf.h>
#include <fcntl.h>

#include "base/error.h"
#include "base/strings.h"

namespace slipway::container {
namespace {

#if defined(__x86_64__)
constexpr std::array<uint16_t, 2> kMachines = {EM_X86_64, EM_386};
#elif defined(__aarch64__)
constexpr std::array<uint16_t, 2> kMachines = {EM_AARCH64, EM_ARM};
#else
constexpr std::array<uint16_t, 0> kMachines = {};  // not known: nothing is said
#endif

std::string read_part(const Fd& file, uint64_t offset, size_t size) {
  std::string out(size, '\0');
  const ssize_t got = ::pread(file.get(), out.data(), size, static_cast<off_t>(offset));
  out.resize(got > 0 ? static_cast<size_t>(got) : 0);
  return out;
}

bool is_regular_file(const linux::Root& root, std::string_view path) {
  try {
    const auto info = root.stat(path);
    return info && S_ISREG(info->st_mode);
  } catch (const SystemError&) {
    return false;
  }
}

std::string path_of(const std::vector<std::string>& env) {
  for (const std::string& entry : env)
    if (entry.starts_with("PATH=")) return entry.substr(5);
  return "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";
}

std::string find_command(const linux::Root& root, std::string_view command,
                         const std::vector<std::string>& env, std::string_view working_dir) {
  if (command.starts_with('/')) return std::string(command);
  if (command.find('/') != std::string_view::npos)
    return fmt::format("{}/{}", working_dir.empty() ? "/" : working_dir, command);
  for (const std::string& folder : split(path_of(env), ':')) {
    const std::string candidate = folder + "/" + std::string(command);
    const auto info = is_regular_file(root, candidate) ? root.stat(candidate) : std::nullopt;
    if (info && (info->st_mode & 0111) != 0) return candidate;
  }
  return {};
}

// "#!/bin/sh -e" -> "/bin/sh"
std::string interpreter_of_script(std::string_view head) {
  std::string_view line = head.substr(2, head.find('\n') - 2);
  while (!line.empty() && (line[0] == ' ' || line[0] == '\t')) line.remove_prefix(1);
  return std::string(line.substr(0, line.find_first_of(std::string_view(" \t\0", 3))));
}

// A 64-bit binary's PT_INTERP; "" when it has none, or is of another kind.
std::string loader_of_binary(const Fd& file, std::string_view head) {
  Elf64_Ehdr header{};
  if (head.size() < sizeof header || head[EI_CLASS] != ELFCLASS64) return {};
  std::memcpy(&header, head.data(), sizeof header);
  if (header.e_phentsize != sizeof(Elf64_Phdr) || header.e_phnum > 256) return {};
  const std::string table =
      read_part(file, header.e_phoff, size_t{header.e_phnum} * sizeof(Elf64_Phdr));
  for (size_t at = 0; at + sizeof(Elf64_Phdr) <= table.size(); at += sizeof(Elf64_Phdr)) {
    Elf64_Phdr part{};
    std::memcpy(&part, table.data() + at, sizeof part);
    if (part.p_type != PT_INTERP) continue;
    const std::string name =
        read_part(file, part.p_offset, std::min<uint64_t>(part.p_filesz, 4096));
    return name.substr(0, name.find('\0'));
  }
  return {};
}

bool is_for_another_machine(std::string_view head) {
  Elf64_Ehdr header{};  // e_machine is where it is in a 32-bit one
  if (head.size() < sizeof header || kMachines.empty()) return false;
  std::memcpy(&header, head.data(), sizeof header);
  return std::find(kMachines.begin(), kMachines.end(), header.e_machine) == kMachines.end();
}

}  // namespace

bool exec_would_fail(const linux::Root& root, std::string_view command,
                     const std::vector<std::string>& env, std::string_view working_dir) {
  try {
    const std::string path = find_command(root, command, env, working_dir);
    if (path.empty() || !is_regular_file(root, path)) return false;
    const auto file = root.open_if_exists(path, O_RDONLY | O_NONBLOCK);
    if (!file) return false;
    const std::string head = read_part(*file, 0, 256);
    if (head.starts_with("#!")) {
      const std::string interpreter = interpreter_of_script(head);
      return interpreter.starts_with('/') && !is_regular_file(root, interpreter);
    }
    if (!head.starts_with(ELFMAG)) return true;
    const std::string loader = loader_of_binary(*file, head);
    return is_for_another_machine(head) || (!loader.empty() && !is_regular_file(root, loader));
  } catch (const Error&) {
    return false;  // the runtime will say what is wrong
  }
}

}  // namespace slipway::container
