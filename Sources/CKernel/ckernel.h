// What Swift has no way to say: the `syscall` instruction, naked entry points, and the kernel's
// structures, whose layout only C promises. Header only. Each group names its source and why it
// is here. Structs carry our prefix so that they don't clash with Glibc's in full Swift; sizes and
// offsets are checked against the kernel's headers by Tests/KernelHeaderCheck.
#pragma once
#include <stdint.h>

// One door for every system call: Swift has no inline assembly.
static inline long ckernel_syscall(long number, long a, long b, long c, long d, long e, long f) {
  long result;
  register long r10 __asm__("r10") = d;
  register long r8 __asm__("r8") = e;
  register long r9 __asm__("r9") = f;
  __asm__ volatile("syscall"
                   : "=a"(result)
                   : "a"(number), "D"(a), "S"(b), "d"(c), "r"(r10), "r"(r8), "r"(r9)
                   : "rcx", "r11", "memory");
  return result;
}

// A hint to the processor, which Swift can't give: any address will do, mapped or not.
static inline void ckernel_prefetch(const void *address) { __builtin_prefetch(address, 0, 3); }

// rt_sigaction(2) wants a return trampoline on x86-64 (SA_RESTORER); it has no frame, so: naked.
static inline __attribute__((naked)) void ckernel_signal_restorer(void) {
  __asm__ volatile("mov $15, %eax\n\tsyscall\n\tud2");
}

// rt_sigreturn(2) from an arbitrary place: the stack pointer must be the frame's ucontext.
static inline __attribute__((naked, noreturn)) void ckernel_sigreturn(uint64_t ucontext) {
  __asm__ volatile("mov %rdi, %rsp\n\tmov $15, %eax\n\tsyscall\n\tud2");
}

// munmap(2) of the memory we stand on, then rt_sigreturn(2): no stack may be touched between.
static inline __attribute__((naked, noreturn)) void ckernel_unmap_and_sigreturn(
    uint64_t address, uint64_t byte_count, uint64_t ucontext) {
  __asm__ volatile(
      "mov %rdx, %rsp\n\tmov $11, %eax\n\tsyscall\n\t"
      "mov $15, %eax\n\tsyscall\n\tud2");
}

// The same for a thread that has no frame to return to: munmap(2), then exit(2).
static inline __attribute__((naked, noreturn)) void ckernel_unmap_and_exit(
    uint64_t address, uint64_t byte_count) {
  __asm__ volatile(
      "mov $11, %eax\n\tsyscall\n\txor %edi, %edi\n\tmov $60, %eax\n\tsyscall\n\tud2");
}

// munmap(2) of two ranges, that of whoever jumps here among them, then exit(2) with status 0.
static inline __attribute__((naked)) void ckernel_unmap_two_and_exit(
    uint64_t first, uint64_t first_bytes, uint64_t second, uint64_t second_bytes) {
  __asm__ volatile(
      "mov %rdx, %r12\n\tmov %rcx, %r13\n\tmov $11, %eax\n\tsyscall\n\t"
      "mov %r12, %rdi\n\tmov %r13, %rsi\n\tmov $11, %eax\n\tsyscall\n\t"
      "xor %edi, %edi\n\tmov $60, %eax\n\tsyscall\n\tud2");
}
// Goes to such a function at an address, without a stack.
static inline __attribute__((naked, noreturn)) void ckernel_leave_to(
    uint64_t first, uint64_t first_bytes, uint64_t second, uint64_t second_bytes, uint64_t function) {
  __asm__ volatile("jmp *%r8");
}

// The words that a stop's threads meet at; ckernel_wait_at_gate knows their places.
struct ckernel_gate { uint32_t epoch, arrived, departed, errands; };
_Static_assert(__builtin_offsetof(struct ckernel_gate, epoch) == 0, "epoch");
_Static_assert(__builtin_offsetof(struct ckernel_gate, arrived) == 4, "arrived");
_Static_assert(__builtin_offsetof(struct ckernel_gate, departed) == 8, "departed");
_Static_assert(__builtin_offsetof(struct ckernel_gate, errands) == 12, "errands");

// Sleeps while a gate has `epoch`. Then goes through it, counts itself as departed, wakes whoever waits
// for the last to depart, and returns from the signal, writing to no stack: a clone shares it, and a first
// write costs a copy of the page. With errands it only returns.
// futex(2): 202, FUTEX_WAIT_PRIVATE 128, FUTEX_WAKE_PRIVATE 129.
static inline __attribute__((naked)) void ckernel_wait_at_gate(
    uint64_t gate, uint32_t epoch, uint64_t ucontext) {
  __asm__ volatile(
      "mov %rdx, %r8\n\tmov %esi, %edx\n\tmov $128, %esi\n\txor %r10d, %r10d\n"
      "1:\tcmp %edx, (%rdi)\n\tjne 2f\n\tmov $202, %eax\n\tsyscall\n\tjmp 1b\n"
      "2:\tcmpl $0, 12(%rdi)\n\tjne 4f\n\t"
      "mov $1, %eax\n\tlock xadd %eax, 8(%rdi)\n\tinc %eax\n\tcmp 4(%rdi), %eax\n\tjne 3f\n\t"
      "add $8, %rdi\n\tmov $129, %esi\n\tmov $0x7fffffff, %edx\n\tmov $202, %eax\n\tsyscall\n"
      "3:\tmov %r8, %rsp\n\tmov $15, %eax\n\tsyscall\n\tud2\n"
      "4:\tret");
}

// Calls body(argument) on another stack and comes back to this one.
static inline __attribute__((naked)) void ckernel_call_on_stack(
    uint64_t stack_top, void (*body)(uint64_t), uint64_t argument) {
  __asm__ volatile(
      "push %rbp\n\tmov %rsp, %rbp\n\tmov %rdi, %rsp\n\tand $-16, %rsp\n\t"
      "mov %rdx, %rdi\n\tcall *%rsi\n\tmov %rbp, %rsp\n\tpop %rbp\n\tret");
}

// Leaves for good: body(argument) with the stack pointer at stack_top.
static inline __attribute__((naked, noreturn)) void ckernel_jump(
    uint64_t stack_top, uint64_t body, uint64_t argument) {
  __asm__ volatile(
      "mov %rdi, %rsp\n\tand $-16, %rsp\n\txor %ebp, %ebp\n\tmov %rdx, %rdi\n\t"
      "call *%rsi\n\tud2");
}

// clone3(2) for a thread: the child starts on its own stack and must not return into ours.
static inline __attribute__((naked)) long ckernel_clone_thread(
    void *arguments, uint64_t byte_count, void (*body)(uint64_t), uint64_t argument) {
  __asm__ volatile(
      "mov %rdx, %r8\n\tmov %rcx, %r9\n\tmov $435, %eax\n\tsyscall\n\t"
      "test %rax, %rax\n\tjnz 1f\n\t"
      "xor %ebp, %ebp\n\tmov %r9, %rdi\n\tcall *%r8\n\tud2\n"
      "1:\n\tret");
}

// cpuid and xgetbv: no Swift spelling.
struct ckernel_cpuid { uint32_t a, b, c, d; };
static inline struct ckernel_cpuid ckernel_cpuid(uint32_t leaf, uint32_t subleaf) {
  struct ckernel_cpuid r;
  __asm__ volatile("cpuid" : "=a"(r.a), "=b"(r.b), "=c"(r.c), "=d"(r.d) : "a"(leaf), "c"(subleaf));
  return r;
}
static inline uint64_t ckernel_xgetbv(void) {
  uint32_t a, d;
  __asm__ volatile("xgetbv" : "=a"(a), "=d"(d) : "c"(0));
  return ((uint64_t)d << 32) | a;
}
static inline uint64_t ckernel_timestamp(void) {
  uint32_t a, d;
  __asm__ volatile("rdtsc" : "=a"(a), "=d"(d));
  return ((uint64_t)d << 32) | a;
}
// Atomic access to a word by its address: Synchronization.Atomic owns its storage, ours is raw.
static inline uint32_t ckernel_atomic_load(uint64_t address) {
  return __atomic_load_n((uint32_t *)address, __ATOMIC_SEQ_CST);
}
static inline void ckernel_atomic_store(uint64_t address, uint32_t value) {
  __atomic_store_n((uint32_t *)address, value, __ATOMIC_SEQ_CST);
}
static inline uint32_t ckernel_atomic_add(uint64_t address, uint32_t value) {
  return __atomic_add_fetch((uint32_t *)address, value, __ATOMIC_SEQ_CST);
}
static inline uint32_t ckernel_atomic_exchange(uint64_t address, uint32_t expected, uint32_t value) {
  return __atomic_compare_exchange_n(
      (uint32_t *)address, &expected, value, 0, __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST);
}
static inline uint64_t ckernel_atomic_add64(uint64_t address, uint64_t value) {
  return __atomic_add_fetch((uint64_t *)address, value, __ATOMIC_SEQ_CST);
}
static inline uint32_t ckernel_atomic_exchange64(uint64_t address, uint64_t expected, uint64_t value) {
  return __atomic_compare_exchange_n(
      (uint64_t *)address, &expected, value, 0, __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST);
}
// wrpkru: this thread may touch memory of every protection key. Only where CPUID says OSPKE.
static inline void ckernel_allow_all_keys(void) {
  __asm__ volatile(".byte 0x0f, 0x01, 0xef" : : "a"(0), "c"(0), "d"(0) : "memory");
}
static inline void ckernel_pause(void) { __asm__ volatile("pause"); }

// include/uapi/asm/signal.h: struct sigaction as rt_sigaction(2) takes it.
struct ckernel_sigaction { uint64_t handler, flags, restorer, mask; };
// include/uapi/asm/sigcontext.h, struct sigcontext; general registers in the frame's order.
struct ckernel_sigcontext {
  uint64_t r8, r9, r10, r11, r12, r13, r14, r15, rdi, rsi, rbp, rbx, rdx, rax, rcx, rsp, rip;
  uint64_t eflags;
  uint16_t cs, gs, fs, ss;
  uint64_t err, trapno, oldmask, cr2, fpstate, reserved[8];
};
struct ckernel_stack { uint64_t sp; int32_t flags; uint32_t reserved; uint64_t size; };
// include/uapi/asm-generic/ucontext.h, struct ucontext.
struct ckernel_ucontext {
  uint64_t flags, link;
  struct ckernel_stack stack;
  struct ckernel_sigcontext context;
  uint64_t mask;
};
// include/uapi/asm-generic/siginfo.h, siginfo_t: the fields that a queued signal has.
struct ckernel_siginfo {
  int32_t signal, error, code, pad;
  int32_t pid;
  uint32_t uid;
  uint64_t value;
  uint64_t rest[12];
};
// include/uapi/linux/sched.h, struct clone_args.
struct ckernel_clone_args {
  uint64_t flags, pidfd, child_tid, parent_tid, exit_signal, stack, stack_size, tls;
  uint64_t set_tid, set_tid_size, cgroup;
};
// include/uapi/linux/sched/types.h, struct sched_attr.
struct ckernel_sched_attr {
  uint32_t size, policy;
  uint64_t flags;
  int32_t nice;
  uint32_t priority;
  uint64_t runtime, deadline, period;
  uint32_t util_min, util_max;
};
// include/uapi/linux/prctl.h, struct prctl_mm_map.
struct ckernel_mm_map {
  uint64_t start_code, end_code, start_data, end_data, start_brk, brk, start_stack;
  uint64_t arg_start, arg_end, env_start, env_end, auxv;
  uint32_t auxv_size, exe_fd;
};
// include/uapi/linux/time_types.h.
struct ckernel_timespec { int64_t seconds, nanoseconds; };
struct ckernel_itimerspec { struct ckernel_timespec interval, value; };
struct ckernel_itimerval { int64_t interval_seconds, interval_micro, value_seconds, value_micro; };
// include/uapi/asm-generic/siginfo.h, struct sigevent.
struct ckernel_sigevent { uint64_t value; int32_t signal, notify, tid; uint32_t pad[11]; };
// arch/x86/include/uapi/asm/stat.h, struct stat.
struct ckernel_stat {
  uint64_t dev, ino, nlink;
  uint32_t mode, uid, gid, pad;
  uint64_t rdev;
  int64_t size, block_size, blocks;
  int64_t access_seconds, access_nanoseconds, modified_seconds, modified_nanoseconds;
  int64_t changed_seconds, changed_nanoseconds, reserved[3];
};
struct ckernel_rlimit { uint64_t current, maximum; };
// include/uapi/linux/fs.h, PAGEMAP_SCAN.
struct ckernel_pm_scan_arg {
  uint64_t size, flags, start, end, walk_end, vec, vec_len, max_pages;
  uint64_t category_inverted, category_mask, category_anyof_mask, return_mask;
};
struct ckernel_page_region { uint64_t start, end, categories; };
// include/uapi/linux/userfaultfd.h.
struct ckernel_uffdio_api { uint64_t api, features, ioctls; };
struct ckernel_uffdio_range { uint64_t start, len; };
struct ckernel_uffdio_register { struct ckernel_uffdio_range range; uint64_t mode, ioctls; };
struct ckernel_uffdio_writeprotect { struct ckernel_uffdio_range range; uint64_t mode; };
// include/uapi/linux/aio_abi.h.
struct ckernel_iocb {
  uint64_t data;
  uint32_t key, rw_flags;
  uint16_t opcode;
  int16_t priority;
  uint32_t descriptor;
  uint64_t buffer, byte_count, offset, reserved;
  uint32_t flags, eventfd;
};
struct ckernel_io_event { uint64_t data, object; int64_t result, result2; };
// include/uapi/linux/capability.h, version 3.
struct ckernel_cap_header { uint32_t version; int32_t pid; };
struct ckernel_cap_data { uint32_t effective, permitted, inheritable; };
// include/uapi/linux/elf.h.
struct ckernel_elf64_nhdr { uint32_t namesz, descsz, type; };
struct ckernel_elf64_ehdr {
  uint64_t ident_low, ident_high;
  uint16_t type, machine;
  uint32_t version;
  uint64_t entry, phoff, shoff;
  uint32_t flags;
  uint16_t ehsize, phentsize, phnum, shentsize, shnum, shstrndx;
};
struct ckernel_elf64_phdr { uint32_t type, flags; uint64_t offset, vaddr, paddr, filesz, memsz, align; };
struct ckernel_elf64_shdr {
  uint32_t name, type;
  uint64_t flags, addr, offset, size;
  uint32_t link, info;
  uint64_t addralign, entsize;
};
struct ckernel_elf64_sym { uint32_t name; uint8_t info, other; uint16_t shndx; uint64_t value, size; };
struct ckernel_elf64_dyn { int64_t tag; uint64_t value; };
// include/uapi/linux/uio.h, include/uapi/linux/socket.h: sendmsg(2).
struct ckernel_iovec { uint64_t base, byte_count; };
struct ckernel_msghdr {
  uint64_t name;
  uint32_t name_bytes, pad;
  uint64_t iov, iov_count, control, control_bytes;
  uint32_t flags, pad2;
};
// Where the program's own file begins in memory, and where its code ends: by symbols of the linker's.
extern const char __ehdr_start[] __attribute__((visibility("hidden")));
extern const char etext[] __attribute__((visibility("hidden")));
static inline uint64_t ckernel_own_start(void) { return (uint64_t)__ehdr_start; }
static inline uint64_t ckernel_own_code_end(void) { return (uint64_t)etext; }
// arch/x86/include/asm/user_64.h, struct user_regs_struct, as in NT_PRSTATUS.
struct ckernel_user_regs {
  uint64_t r15, r14, r13, r12, rbp, rbx, r11, r10, r9, r8, rax, rcx, rdx, rsi, rdi, orig_rax;
  uint64_t rip, cs, eflags, rsp, ss, fs_base, gs_base, ds, es, fs, gs;
};
// include/linux/elfcore.h, struct elf_prstatus and elf_prpsinfo.
struct ckernel_prstatus {
  int32_t signo, code, error;
  int16_t cursig;
  uint16_t pad0;
  uint64_t sigpend, sighold;
  int32_t pid, ppid, pgrp, sid;
  int64_t utime[2], stime[2], cutime[2], cstime[2];
  struct ckernel_user_regs regs;
  int32_t fpvalid;
  uint32_t pad1;
};
struct ckernel_prpsinfo {
  char state, sname, zomb, nice;
  uint32_t pad0;
  uint64_t flag;
  uint32_t uid, gid;
  int32_t pid, ppid, pgrp, sid;
  uint64_t fname[2];      // 16 bytes
  uint64_t psargs[10];    // 80 bytes
};
