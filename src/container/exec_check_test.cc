// Which programs the kernel is going to refuse.
#include "container/exec_check.h"

#include <elf.h>
#include <filesystem>
#include <gtest/gtest.h>

#include "base/files.h"
#include "base/ids.h"

namespace slipway::container {
namespace {

class ExecCheck : public testing::Test {
 protected:
  void SetUp() override {
    make_directories(folder_ + "/bin");
    add("/bin/sh", binary(EM_X86_64, ""));
  }
  void TearDown() override { remove_tree(folder_); }
  void add(const std::string& path, const std::string& bytes) {
    write_file(folder_ + path, bytes, 0755);
  }
  // As little of an ELF file as the kernel looks at.
  static std::string binary(uint16_t machine, const std::string& loader) {
    Elf64_Ehdr header{};
    std::memcpy(header.e_ident, ELFMAG, SELFMAG);
    header.e_ident[EI_CLASS] = ELFCLASS64;
    header.e_machine = machine;
    header.e_phoff = sizeof header;
    header.e_phentsize = sizeof(Elf64_Phdr);
    header.e_phnum = loader.empty() ? 0 : 1;
    Elf64_Phdr part{};
    part.p_type = PT_INTERP;
    part.p_offset = sizeof header + sizeof part;
    part.p_filesz = loader.size() + 1;
    std::string out(reinterpret_cast<const char*>(&header), sizeof header);
    out.append(reinterpret_cast<const char*>(&part), sizeof part);
    return out + loader + '\0';
  }
  bool fails(const std::string& command, const std::string& path = "/bin") {
    return exec_would_fail(linux::Root(folder_), command, {"A=b", "PATH=" + path}, "/work");
  }
  const std::string folder_ = "/tmp/slipway-exec-" + random_hex(8);
};

TEST_F(ExecCheck, scripts_need_their_interpreter) {
  add("/bin/good", "#!/bin/sh -e\n");
  add("/bin/spaced", "#! /bin/sh\n");
  add("/bin/bad", "#!/bin/bash\necho\n");
  add("/bin/windows", "#!/bin/sh\r\n");
  EXPECT_FALSE(fails("/bin/good"));
  EXPECT_FALSE(fails("spaced"));
  EXPECT_TRUE(fails("/bin/bad"));
  EXPECT_TRUE(fails("bad"));
  EXPECT_TRUE(fails("windows")) << "its interpreter is called sh\\r";
}

TEST_F(ExecCheck, binaries_need_their_loader_and_this_machine) {
#if defined(__x86_64__)
  add("/bin/dynamic", binary(EM_X86_64, "/lib64/ld.so"));
  EXPECT_TRUE(fails("dynamic"));
  make_directories(folder_ + "/lib64");
  add("/lib64/ld.so", binary(EM_X86_64, ""));
  EXPECT_FALSE(fails("dynamic"));
  add("/bin/arm", binary(EM_AARCH64, ""));
  EXPECT_TRUE(fails("arm"));
  EXPECT_FALSE(fails("sh"));
#endif
  add("/bin/text", "echo hi\n");
  EXPECT_TRUE(fails("text"));
}

TEST_F(ExecCheck, says_nothing_of_what_is_not_there_or_odd) {
  EXPECT_FALSE(fails("absent"));
  EXPECT_FALSE(fails("/no/such"));
  EXPECT_FALSE(fails("/bin"));
  std::string cut = binary(EM_X86_64, "/lib64/absent");
  add("/bin/cut", cut.substr(0, sizeof(Elf64_Ehdr) + 8));
  EXPECT_FALSE(fails("cut"));
  std::filesystem::create_symlink("/../../../../etc/hostname", folder_ + "/bin/out");
  EXPECT_FALSE(fails("out")) << "links stay below the root";
}

TEST_F(ExecCheck, looks_where_the_container_would) {
  make_directories(folder_ + "/work");
  add("/work/bad", "#!/bin/bash\n");
  EXPECT_TRUE(fails("./bad"));
  EXPECT_FALSE(fails("bad"));
  EXPECT_TRUE(fails("bad", "/bin:/work"));
}

}  // namespace
}  // namespace slipway::container
