// Our layouts against the kernel's own headers. Building this file is the test.
#include <asm/sigcontext.h>
#include <asm/stat.h>
#include <linux/aio_abi.h>
#include <linux/capability.h>
#include <linux/elf.h>
#include <linux/prctl.h>
#include <linux/sched.h>
#include <linux/sched/types.h>
#include <linux/userfaultfd.h>
#include <sys/ioctl.h>
#include <stddef.h>
#include "../../Sources/CKernel/ckernel.h"

#define SAME_SIZE(ours, theirs) _Static_assert(sizeof(ours) == sizeof(theirs), #theirs " size")
#define SAME_PLACE(ours, field, theirs, name) \
  _Static_assert(offsetof(ours, field) == offsetof(theirs, name), #theirs "." #name)

SAME_SIZE(struct ckernel_elf64_ehdr, Elf64_Ehdr);
SAME_PLACE(struct ckernel_elf64_ehdr, shoff, Elf64_Ehdr, e_shoff);
SAME_SIZE(struct ckernel_elf64_phdr, Elf64_Phdr);
SAME_PLACE(struct ckernel_elf64_phdr, vaddr, Elf64_Phdr, p_vaddr);
SAME_SIZE(struct ckernel_elf64_shdr, Elf64_Shdr);
SAME_PLACE(struct ckernel_elf64_shdr, info, Elf64_Shdr, sh_info);
SAME_SIZE(struct ckernel_elf64_sym, Elf64_Sym);
SAME_SIZE(struct ckernel_elf64_dyn, Elf64_Dyn);
SAME_SIZE(struct ckernel_clone_args, struct clone_args);
SAME_PLACE(struct ckernel_clone_args, set_tid, struct clone_args, set_tid);
SAME_SIZE(struct ckernel_mm_map, struct prctl_mm_map);
SAME_PLACE(struct ckernel_mm_map, auxv_size, struct prctl_mm_map, auxv_size);
SAME_SIZE(struct ckernel_stat, struct stat);
SAME_PLACE(struct ckernel_stat, size, struct stat, st_size);
SAME_PLACE(struct ckernel_stat, modified_seconds, struct stat, st_mtime);
SAME_SIZE(struct ckernel_sigcontext, struct sigcontext);
SAME_PLACE(struct ckernel_sigcontext, rip, struct sigcontext, rip);
SAME_PLACE(struct ckernel_sigcontext, fpstate, struct sigcontext, fpstate);
SAME_SIZE(struct ckernel_uffdio_api, struct uffdio_api);
SAME_SIZE(struct ckernel_uffdio_register, struct uffdio_register);
SAME_PLACE(struct ckernel_uffdio_register, mode, struct uffdio_register, mode);
SAME_SIZE(struct ckernel_uffdio_writeprotect, struct uffdio_writeprotect);
_Static_assert(UFFDIO_API == 0xC018AA3Fu && UFFDIO_REGISTER == 0xC020AA00u, "userfaultfd calls");
_Static_assert(UFFDIO_UNREGISTER == 0x8010AA01u && UFFDIO_WRITEPROTECT == 0xC018AA06u, "the same");
SAME_SIZE(struct ckernel_iocb, struct iocb);
SAME_PLACE(struct ckernel_iocb, opcode, struct iocb, aio_lio_opcode);
SAME_PLACE(struct ckernel_iocb, offset, struct iocb, aio_offset);
SAME_SIZE(struct ckernel_io_event, struct io_event);
SAME_PLACE(struct ckernel_io_event, result, struct io_event, res);
SAME_SIZE(struct ckernel_cap_data, struct __user_cap_data_struct);
_Static_assert(sizeof(struct ckernel_prstatus) == 336, "elf_prstatus, as gdb reads it");
_Static_assert(offsetof(struct ckernel_prstatus, regs) == 112, "elf_prstatus.pr_reg");
_Static_assert(sizeof(struct ckernel_prpsinfo) == 136, "elf_prpsinfo, as gdb reads it");
_Static_assert(sizeof(struct ckernel_siginfo) == 128, "siginfo_t");
_Static_assert(offsetof(struct ckernel_ucontext, context) == 40, "ucontext.uc_mcontext");
_Static_assert(offsetof(struct ckernel_ucontext, mask) == 296, "ucontext.uc_sigmask");

// The offsets and constants that CheckpointImage/Elf.swift reads ELF files by.
#define AT(type, field, offset) _Static_assert(offsetof(type, field) == (offset), #type "." #field)
AT(Elf64_Ehdr, e_type, 16);
AT(Elf64_Ehdr, e_machine, 18);
AT(Elf64_Ehdr, e_version, 20);
AT(Elf64_Ehdr, e_phoff, 32);
AT(Elf64_Ehdr, e_shoff, 40);
AT(Elf64_Ehdr, e_ehsize, 52);
AT(Elf64_Ehdr, e_phentsize, 54);
AT(Elf64_Ehdr, e_phnum, 56);
AT(Elf64_Ehdr, e_shentsize, 58);
AT(Elf64_Ehdr, e_shnum, 60);
AT(Elf64_Ehdr, e_shstrndx, 62);
AT(Elf64_Phdr, p_flags, 4);
AT(Elf64_Phdr, p_offset, 8);
AT(Elf64_Phdr, p_vaddr, 16);
AT(Elf64_Phdr, p_filesz, 32);
AT(Elf64_Phdr, p_memsz, 40);
AT(Elf64_Phdr, p_align, 48);
AT(Elf64_Shdr, sh_type, 4);
AT(Elf64_Shdr, sh_offset, 24);
AT(Elf64_Shdr, sh_size, 32);
AT(Elf64_Shdr, sh_info, 44);
AT(Elf64_Shdr, sh_addralign, 48);
_Static_assert(sizeof(Elf64_Nhdr) == 12, "a note's header");
_Static_assert(PN_XNUM == 0xffff && PT_LOAD == 1 && PT_NOTE == 4, "program headers");
_Static_assert(ET_CORE == 4 && EM_X86_64 == 62, "the ELF header");
