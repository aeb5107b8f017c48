//! What the library may ask of Android: symbols that its system libraries have had since API level 24, by their own lists
//! (`libc.map.txt` and `libdl.map.txt` of Bionic). A new dependency that asks for more fails to link, and is looked up there.

/// The system libraries, and what of them is used.
pub(super) static LIBRARIES: [(&str, &[&str]); 4] =
    [("libc", LIBC), ("libdl", LIBDL), ("libm", &[]), ("liblog", &[])];

static LIBDL: &[&str] = &["dl_iterate_phdr", "dlsym"];

#[rustfmt::skip]
static LIBC: &[&str] = &[
    // memory and text
    "calloc", "free", "malloc", "memcmp", "memcpy", "memmove", "memset", "posix_memalign", "realloc", "strlen", "strerror_r",
    // files
    "chmod", "close", "closedir", "dirfd", "fallocate", "fallocate64", "fchmod", "fcntl", "flock", "fstat", "fsync",
    "ftruncate", "ftruncate64", "getcwd", "ioctl", "lseek", "lseek64", "lstat", "mkdir", "open", "opendir", "pread64", "pwrite64", "read", "readdir",
    "readdir_r", "readlink", "realpath", "rename", "renameat", "stat", "statfs", "statfs64", "statvfs64", "unlink", "write", "writev",
    // sockets
    "bind", "connect", "freeaddrinfo", "gai_strerror", "getaddrinfo", "getpeername", "getsockopt", "poll", "ppoll", "recv", "send", "setsockopt",
    "shutdown", "socket",
    // threads and the process
    "__errno", "abort", "clock_gettime", "getauxval", "getenv", "geteuid", "getpid", "mmap", "mmap64", "munmap", "mprotect", "nanosleep",
    "prctl", "pthread_attr_destroy", "pthread_attr_init", "pthread_attr_setstacksize", "pthread_create", "pthread_detach",
    "pthread_getspecific", "pthread_join", "pthread_key_create", "pthread_key_delete", "pthread_mutex_lock",
    "pthread_mutex_unlock", "pthread_setspecific", "sched_yield", "sigaction", "syscall", "sysconf",
];

/// The unwinder, which the NDK links in. Here it is none.
#[rustfmt::skip]
pub(super) static UNWINDER: &[&str] = &[
    "_Unwind_Backtrace", "_Unwind_DeleteException", "_Unwind_FindEnclosingFunction", "_Unwind_GetCFA", "_Unwind_GetDataRelBase",
    "_Unwind_GetGR", "_Unwind_GetIP", "_Unwind_GetIPInfo", "_Unwind_GetLanguageSpecificData", "_Unwind_GetRegionStart",
    "_Unwind_GetTextRelBase", "_Unwind_RaiseException", "_Unwind_Resume", "_Unwind_SetGR", "_Unwind_SetIP", "_Unwind_VRS_Get",
    "_Unwind_VRS_Set", "__aeabi_unwind_cpp_pr0", "__aeabi_unwind_cpp_pr1", "__aeabi_unwind_cpp_pr2", "__gnu_unwind_frame",
];
