package runtime

const memfdCreate = 319 // of Linux; package syscall does not have it
