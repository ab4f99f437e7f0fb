//! Seccomp: the system calls that a signer makes. Any other ends the process, on every thread; where a vendor's module runs in it,
//! whose calls nobody can foresee, another one is refused as if this kernel had none of it, and the module goes on as best it can.
//!
//! The list is wide where calls can do nothing that the wall around files does not bound, and empty where they could: no exec, no
//! ptrace, no reading of other processes, no mounts, modules, keyrings, BPF or io_uring, no signals to others.

use std::collections::BTreeMap;

use seccompiler::{
    BpfProgram, Error, SeccompAction, SeccompCmpArgLen, SeccompCmpOp, SeccompCondition, SeccompFilter,
    SeccompRule, TargetArch,
};

/// Allowed with any arguments.
const ANY: &[libc::c_long] = &[
    // files
    libc::SYS_read,
    libc::SYS_write,
    libc::SYS_readv,
    libc::SYS_writev,
    libc::SYS_pread64,
    libc::SYS_pwrite64,
    libc::SYS_preadv,
    libc::SYS_pwritev,
    libc::SYS_close,
    libc::SYS_close_range,
    libc::SYS_openat,
    libc::SYS_openat2,
    libc::SYS_fstat,
    libc::SYS_newfstatat,
    libc::SYS_statx,
    libc::SYS_statfs,
    libc::SYS_fstatfs,
    libc::SYS_lseek,
    libc::SYS_fsync,
    libc::SYS_fdatasync,
    libc::SYS_fallocate,
    libc::SYS_ftruncate,
    libc::SYS_flock,
    libc::SYS_fcntl,
    libc::SYS_dup,
    libc::SYS_dup3,
    libc::SYS_pipe2,
    libc::SYS_getdents64,
    libc::SYS_mkdirat,
    libc::SYS_unlinkat,
    libc::SYS_renameat2,
    libc::SYS_renameat,
    libc::SYS_linkat,
    libc::SYS_readlinkat,
    libc::SYS_faccessat,
    libc::SYS_faccessat2,
    libc::SYS_fchmod,
    libc::SYS_fchmodat,
    libc::SYS_fchown,
    libc::SYS_fchownat,
    libc::SYS_umask,
    libc::SYS_getcwd,
    libc::SYS_ioctl,
    libc::SYS_fadvise64,
    // sockets; which kinds is below
    libc::SYS_bind,
    libc::SYS_connect,
    libc::SYS_listen,
    libc::SYS_accept,
    libc::SYS_accept4,
    libc::SYS_getsockname,
    libc::SYS_getpeername,
    libc::SYS_setsockopt,
    libc::SYS_getsockopt,
    libc::SYS_sendto,
    libc::SYS_recvfrom,
    libc::SYS_sendmsg,
    libc::SYS_recvmsg,
    libc::SYS_sendmmsg,
    libc::SYS_recvmmsg,
    libc::SYS_shutdown,
    // waiting
    libc::SYS_ppoll,
    libc::SYS_pselect6,
    libc::SYS_epoll_create1,
    libc::SYS_epoll_ctl,
    libc::SYS_epoll_pwait,
    libc::SYS_epoll_pwait2,
    libc::SYS_eventfd2,
    libc::SYS_timerfd_create,
    libc::SYS_timerfd_settime,
    libc::SYS_timerfd_gettime,
    libc::SYS_futex,
    libc::SYS_nanosleep,
    libc::SYS_clock_nanosleep,
    libc::SYS_restart_syscall,
    // memory
    libc::SYS_mmap,
    libc::SYS_munmap,
    libc::SYS_mremap,
    libc::SYS_mprotect,
    libc::SYS_madvise,
    libc::SYS_brk,
    libc::SYS_mlock,
    libc::SYS_mlock2,
    libc::SYS_munlock,
    libc::SYS_membarrier,
    // threads and the end
    libc::SYS_clone,
    libc::SYS_clone3,
    libc::SYS_set_robust_list,
    libc::SYS_get_robust_list,
    libc::SYS_rseq,
    libc::SYS_set_tid_address,
    libc::SYS_exit,
    libc::SYS_exit_group,
    libc::SYS_sched_yield,
    libc::SYS_sched_getaffinity,
    libc::SYS_rt_sigaction,
    libc::SYS_rt_sigprocmask,
    libc::SYS_rt_sigreturn,
    libc::SYS_rt_sigtimedwait,
    libc::SYS_sigaltstack,
    libc::SYS_tgkill,
    // clocks, randomness, who am I
    libc::SYS_clock_gettime,
    libc::SYS_clock_getres,
    libc::SYS_gettimeofday,
    libc::SYS_getrandom,
    libc::SYS_getpid,
    libc::SYS_gettid,
    libc::SYS_getppid,
    libc::SYS_getuid,
    libc::SYS_geteuid,
    libc::SYS_getgid,
    libc::SYS_getegid,
    libc::SYS_uname,
    libc::SYS_sysinfo,
    libc::SYS_getrusage,
    libc::SYS_prlimit64,
];

/// The older forms of some of them, which newer processors never had.
#[cfg(target_arch = "x86_64")]
const OLDER: &[libc::c_long] = &[
    libc::SYS_open,
    libc::SYS_stat,
    libc::SYS_lstat,
    libc::SYS_access,
    libc::SYS_pipe,
    libc::SYS_dup2,
    libc::SYS_poll,
    libc::SYS_select,
    libc::SYS_epoll_wait,
    libc::SYS_unlink,
    libc::SYS_rename,
    libc::SYS_mkdir,
    libc::SYS_readlink,
    libc::SYS_link,
    libc::SYS_chmod,
    libc::SYS_chown,
    libc::SYS_time,
    libc::SYS_getrlimit,
    libc::SYS_arch_prctl,
];
#[cfg(not(target_arch = "x86_64"))]
const OLDER: &[libc::c_long] = &[];

/// Sockets of nodes, name servers, local daemons, and the kernel's word about addresses and devices.
const FAMILIES: [libc::c_int; 4] = [libc::AF_UNIX, libc::AF_INET, libc::AF_INET6, libc::AF_NETLINK];
/// Never back to being dumpable or traced, and no more privileges; what else there is (names of threads, the auxiliary vector) is harmless.
const NOT_PROCESS_OPTIONS: [libc::c_int; 5] = [
    libc::PR_SET_DUMPABLE,
    libc::PR_SET_PTRACER,
    libc::PR_SET_MM,
    libc::PR_CAP_AMBIENT,
    libc::PR_SET_SECUREBITS,
];

/// What becomes of a call that is not on the list.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Otherwise {
    /// It ends the process.
    End,
    /// It returns `ENOSYS` and does nothing.
    Refuse,
}

/// Nothing but the calls on the list, from now on, in every thread.
pub fn only_these(otherwise: Otherwise) -> Result<(), Error> {
    let mut rules: BTreeMap<i64, Vec<SeccompRule>> =
        ANY.iter().chain(OLDER).map(|call| (*call, Vec::new())).collect();
    rules.insert(libc::SYS_socket, first_argument(&FAMILIES)?);
    rules.insert(libc::SYS_socketpair, first_argument(&[libc::AF_UNIX])?);
    rules.insert(libc::SYS_prctl, vec![first_argument_not(&NOT_PROCESS_OPTIONS)?]);
    let here = TargetArch::try_from(std::env::consts::ARCH)?;
    let otherwise = match otherwise {
        Otherwise::End => SeccompAction::KillProcess,
        Otherwise::Refuse => SeccompAction::Errno(libc::ENOSYS.unsigned_abs()),
    };
    let filter = SeccompFilter::new(rules, otherwise, SeccompAction::Allow, here)?;
    seccompiler::apply_filter_all_threads(&BpfProgram::try_from(filter)?)
}

/// One rule for each value.
fn first_argument(allowed: &[libc::c_int]) -> Result<Vec<SeccompRule>, Error> {
    let rule = |value| Ok(SeccompRule::new(vec![compare(SeccompCmpOp::Eq, value)?])?);
    allowed.iter().map(rule).collect()
}

/// One rule for all values.
fn first_argument_not(refused: &[libc::c_int]) -> Result<SeccompRule, Error> {
    let conditions =
        refused.iter().map(|value| compare(SeccompCmpOp::Ne, value)).collect::<Result<_, _>>()?;
    Ok(SeccompRule::new(conditions)?)
}

fn compare(how: SeccompCmpOp, value: &libc::c_int) -> Result<SeccompCondition, Error> {
    let value = u64::try_from(*value).unwrap_or(u64::MAX);
    Ok(SeccompCondition::new(0, SeccompCmpArgLen::Dword, how, value)?)
}
