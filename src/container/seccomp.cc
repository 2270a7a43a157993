#include "container/seccomp.h"

#include "codec/hash.h"
#include "codec/json.h"

namespace slipway::container {
namespace {

constexpr int kEperm = 1, kEnosys = 38;

// Files, memory, processes, signals, sockets, time: nothing here leaves the container's namespaces.
constexpr const char* kAllowed[] = {
    // files and directories
    "access", "chdir", "chmod", "chown", "chown32", "close", "close_range", "copy_file_range",
    "creat", "dup", "dup2", "dup3", "faccessat", "faccessat2", "fadvise64", "fadvise64_64",
    "fallocate", "fanotify_mark", "fchdir", "fchmod", "fchmodat", "fchmodat2", "fchown", "fchown32",
    "fchownat", "fcntl", "fcntl64", "fdatasync", "fgetxattr", "flistxattr", "flock", "fremovexattr",
    "fsetxattr", "fstat", "fstat64", "fstatat64", "fstatfs", "fstatfs64", "fsync", "ftruncate",
    "ftruncate64", "futimesat", "getcwd", "getdents", "getdents64", "getxattr", "getxattrat",
    "inotify_add_watch", "inotify_init", "inotify_init1", "inotify_rm_watch", "lchown", "lchown32",
    "lgetxattr", "link", "linkat", "listmount", "listxattr", "listxattrat", "llistxattr", "_llseek",
    "lremovexattr", "lseek", "lsetxattr", "lstat", "lstat64", "mkdir", "mkdirat", "mknod",
    "mknodat", "name_to_handle_at", "newfstatat", "oldfstat", "oldlstat", "oldstat", "open",
    "openat", "openat2", "pipe", "pipe2", "pread64", "preadv", "preadv2", "pwrite64", "pwritev",
    "pwritev2", "read", "readahead", "readdir", "readlink", "readlinkat", "readv", "removexattr",
    "removexattrat", "rename", "renameat", "renameat2", "rmdir", "sendfile", "sendfile64",
    "setxattr", "setxattrat", "splice", "stat", "stat64", "statfs", "statfs64", "statx", "symlink",
    "symlinkat", "sync", "sync_file_range", "sync_file_range2", "syncfs", "tee", "truncate",
    "truncate64", "umask", "unlink", "unlinkat", "utime", "utimensat", "utimensat_time64", "utimes",
    "vmsplice", "write", "writev", "ioctl",
    // waiting for descriptors
    "epoll_create", "epoll_create1", "epoll_ctl", "epoll_ctl_old", "epoll_pwait", "epoll_pwait2",
    "epoll_wait", "epoll_wait_old", "eventfd", "eventfd2", "io_cancel", "io_destroy",
    "io_getevents", "io_pgetevents", "io_pgetevents_time64", "io_setup", "io_submit", "_newselect",
    "poll", "ppoll", "ppoll_time64", "pselect6", "pselect6_time64", "select", "signalfd",
    "signalfd4", "timerfd_create", "timerfd_gettime", "timerfd_gettime64", "timerfd_settime",
    "timerfd_settime64",
    // memory
    "brk", "cachestat", "get_thread_area", "madvise", "map_shadow_stack", "membarrier",
    "memfd_create", "memfd_secret", "mincore", "mlock", "mlock2", "mlockall", "mmap", "mmap2",
    "mprotect", "mremap", "mseal", "msync", "munlock", "munlockall", "munmap", "pkey_alloc",
    "pkey_free", "pkey_mprotect", "process_mrelease", "remap_file_pages", "set_thread_area",
    "arch_prctl", "modify_ldt", "uretprobe", "riscv_flush_icache",
    // processes, users, limits
    "capget", "capset", "execve", "execveat", "exit", "exit_group", "fork", "getcpu", "getegid",
    "getegid32", "geteuid", "geteuid32", "getgid", "getgid32", "getgroups", "getgroups32",
    "getpgid", "getpgrp", "getpid", "getppid", "getpriority", "getrandom", "getresgid",
    "getresgid32", "getresuid", "getresuid32", "getrlimit", "get_robust_list", "getrusage",
    "getsid", "gettid", "getuid", "getuid32", "ioprio_get", "ioprio_set", "kill",
    "landlock_add_rule", "landlock_create_ruleset", "landlock_restrict_self", "pidfd_open",
    "pidfd_send_signal", "prctl", "prlimit64", "ptrace", "process_vm_readv", "process_vm_writev",
    "restart_syscall", "rseq", "sched_getaffinity", "sched_getattr", "sched_getparam",
    "sched_get_priority_max", "sched_get_priority_min", "sched_getscheduler",
    "sched_rr_get_interval", "sched_rr_get_interval_time64", "sched_setaffinity", "sched_setattr",
    "sched_setparam", "sched_setscheduler", "sched_yield", "seccomp", "setfsgid", "setfsgid32",
    "setfsuid", "setfsuid32", "setgid", "setgid32", "setgroups", "setgroups32", "setpgid",
    "setpriority", "setregid", "setregid32", "setresgid", "setresgid32", "setresuid", "setresuid32",
    "setreuid", "setreuid32", "setrlimit", "set_robust_list", "setsid", "set_tid_address", "setuid",
    "setuid32", "sysinfo", "tgkill", "tkill", "ugetrlimit", "uname", "vfork", "wait4", "waitid",
    "waitpid",
    // signals, futexes
    "futex", "futex_requeue", "futex_time64", "futex_wait", "futex_waitv", "futex_wake", "pause",
    "rt_sigaction", "rt_sigpending", "rt_sigprocmask", "rt_sigqueueinfo", "rt_sigreturn",
    "rt_sigsuspend", "rt_sigtimedwait", "rt_sigtimedwait_time64", "rt_tgsigqueueinfo",
    "sigaltstack", "sigaction", "sigpending", "sigprocmask", "sigreturn", "sigsuspend",
    // time
    "adjtimex", "alarm", "clock_adjtime", "clock_adjtime64", "clock_getres", "clock_getres_time64",
    "clock_gettime", "clock_gettime64", "clock_nanosleep", "clock_nanosleep_time64", "getitimer",
    "gettimeofday", "nanosleep", "setitimer", "time", "timer_create", "timer_delete",
    "timer_getoverrun", "timer_gettime", "timer_gettime64", "timer_settime", "timer_settime64",
    "times",
    // sockets and System V and POSIX queues: of the container's own namespaces
    "accept", "accept4", "bind", "connect", "getpeername", "getsockname", "getsockopt", "ipc",
    "listen", "mq_getsetattr", "mq_notify", "mq_open", "mq_timedreceive", "mq_timedreceive_time64",
    "mq_timedsend", "mq_timedsend_time64", "mq_unlink", "msgctl", "msgget", "msgrcv", "msgsnd",
    "recv", "recvfrom", "recvmmsg", "recvmmsg_time64", "recvmsg", "semctl", "semget", "semop",
    "semtimedop", "semtimedop_time64", "send", "sendmmsg", "sendmsg", "sendto", "setsockopt",
    "shmat", "shmctl", "shmdt", "shmget", "shutdown", "socketcall", "socketpair"};

// What a capability adds; without it the calls fail with EPERM.
struct Granted {
  const char* capability;
  std::vector<const char*> names;
};
const std::vector<Granted>& granted() {
  static const std::vector<Granted> kGranted = {
      {"CAP_SYS_ADMIN",
       {"bpf",         "fanotify_init",   "fsconfig",  "fsmount",       "fsopen",
        "fspick",      "lookup_dcookie",  "mount",     "mount_setattr", "move_mount",
        "open_tree",   "perf_event_open", "quotactl",  "quotactl_fd",   "setdomainname",
        "sethostname", "setns",           "statmount", "syslog",        "umount",
        "umount2",     "unshare",         "pivot_root"}},
      {"CAP_DAC_READ_SEARCH", {"open_by_handle_at"}},
      {"CAP_SYS_BOOT", {"reboot"}},
      {"CAP_SYS_CHROOT", {"chroot"}},
      {"CAP_SYS_MODULE", {"delete_module", "init_module", "finit_module"}},
      {"CAP_SYS_PACCT", {"acct"}},
      {"CAP_SYS_PTRACE", {"kcmp", "pidfd_getfd", "process_madvise"}},
      {"CAP_SYS_RAWIO", {"iopl", "ioperm"}},
      {"CAP_SYS_TIME", {"settimeofday", "stime", "clock_settime", "clock_settime64"}},
      {"CAP_SYS_TTY_CONFIG", {"vhangup"}},
      {"CAP_SYS_NICE",
       {"get_mempolicy", "mbind", "set_mempolicy", "set_mempolicy_home_node", "move_pages",
        "migrate_pages"}},
      {"CAP_SYSLOG", {"syslog"}},
      {"CAP_BPF", {"bpf"}},
      {"CAP_PERFMON", {"perf_event_open"}}};
  return kGranted;
}

// Never: they act on the machine, or have been the way out of containers too often.
constexpr const char* kRefused[] = {"add_key",
                                    "request_key",
                                    "keyctl",
                                    "userfaultfd",
                                    "io_uring_setup",
                                    "io_uring_enter",
                                    "io_uring_register",
                                    "create_module",
                                    "nfsservctl",
                                    "get_kernel_syms",
                                    "query_module",
                                    "uselib",
                                    "ustat",
                                    "sysfs",
                                    "_sysctl",
                                    "vm86",
                                    "vm86old",
                                    "kexec_file_load",
                                    "kexec_load",
                                    "swapon",
                                    "swapoff"};

Json rule(Json names, const char* action) {
  return {{"names", std::move(names)}, {"action", action}};
}

Json errno_rule(Json names, int number) {
  Json out = rule(std::move(names), "SCMP_ACT_ERRNO");
  out["errnoRet"] = number;
  return out;
}

Json argument(int index, uint64_t value, uint64_t value_two, const char* op) {
  return Json::array({{{"index", index}, {"value", value}, {"valueTwo", value_two}, {"op", op}}});
}

void add_architectures(Json& out) {
#if defined(__x86_64__)
  // Not x32: nobody has programs for it, most kernels refuse it, and it would make the filter half
  // as long again. Its calls end the process.
  out["architectures"] = {"SCMP_ARCH_X86_64", "SCMP_ARCH_X86"};
#elif defined(__aarch64__)
  out["architectures"] = {"SCMP_ARCH_AARCH64", "SCMP_ARCH_ARM"};
#endif
}

// Calls that are allowed with some arguments only.
void add_bounded(Json& rules, bool admin) {
  // Programs choose an execution domain, but not one that undoes the address space's randomness.
  for (const uint64_t domain : {0x0ULL, 0x8ULL, 0x20000ULL, 0x20008ULL, 0xffffffffULL}) {
    Json allowed = rule(Json::array({"personality"}), "SCMP_ACT_ALLOW");
    allowed["args"] = argument(0, domain, 0, "SCMP_CMP_EQ");
    rules.push_back(std::move(allowed));
  }
  constexpr uint64_t kVsock = 40;  // talks to the hypervisor whatever the network namespace
  Json socket = rule(Json::array({"socket"}), "SCMP_ACT_ALLOW");
  socket["args"] = argument(0, kVsock, 0, "SCMP_CMP_NE");
  rules.push_back(std::move(socket));
  if (admin) {
    rules.push_back(rule(Json::array({"clone", "clone3"}), "SCMP_ACT_ALLOW"));
    return;
  }
  constexpr uint64_t kNamespaces = 0x7e020000;  // processes and threads, but no new namespace
  Json clone = rule(Json::array({"clone"}), "SCMP_ACT_ALLOW");
  clone["args"] = argument(0, kNamespaces, 0, "SCMP_CMP_MASKED_EQ");
  rules.push_back(std::move(clone));
  // Its flags are behind a pointer where no filter can see them; libc falls back to clone().
  rules.push_back(errno_rule(Json::array({"clone3"}), kEnosys));
}

}  // namespace

Json build_seccomp(const std::vector<std::string>& capabilities) {
  const auto has = [&](std::string_view name) {
    return std::find(capabilities.begin(), capabilities.end(), name) != capabilities.end();
  };
  std::set<std::string> allowed(std::begin(kAllowed), std::end(kAllowed));
  std::set<std::string> refused(std::begin(kRefused), std::end(kRefused));
  for (const Granted& group : granted()) {
    if (has(group.capability)) allowed.insert(group.names.begin(), group.names.end());
  }
  for (const Granted& group : granted()) {
    for (const char* name : group.names) {
      if (!allowed.contains(name)) refused.insert(name);
    }
  }
  Json rules = Json::array({rule(allowed, "SCMP_ACT_ALLOW"), errno_rule(refused, kEperm)});
  add_bounded(rules, has("CAP_SYS_ADMIN"));
  Json out = {{"defaultAction", "SCMP_ACT_ERRNO"},
              {"defaultErrnoRet", kEnosys},
              {"syscalls", std::move(rules)}};
  add_architectures(out);
  return out;
}

std::string CompiledFilters::find(const std::string& filter) const {
  const std::lock_guard lock(mutex_);
  const auto found = programs_.find(filter);
  return found == programs_.end() ? std::string() : found->second;
}

void CompiledFilters::keep(const std::string& filter, std::string_view program) {
  constexpr size_t kInstruction = 8, kMost = 65'536 * kInstruction, kKept = 64;
  if (program.empty() || program.size() % kInstruction != 0 || program.size() > kMost) return;
  const std::lock_guard lock(mutex_);
  if (programs_.size() >= kKept) programs_.clear();
  programs_[filter] = base64_encode(program);
}

}  // namespace slipway::container
