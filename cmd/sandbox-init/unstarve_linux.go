package main

import (
	"errors"
	"fmt"
	"runtime"
	"unsafe"

	"golang.org/x/sys/unix"
)

// Any process may make others of its uid run last of all, PID 1 too: with a few
// dozen busy loops beside it, it then saw the end of the lifeline, or a kill, a
// minute late. So the command and what it starts may do that to themselves only.

// call is a system call, and which of its arguments must be 0: those that say whose
// scheduling it changes.
type call struct {
	nr   uint32
	zero []int
}

// other are the numbers of 32-bit programs, which the kernel runs as well.
var (
	native = []call{
		{unix.SYS_SETPRIORITY, []int{0, 1}}, // PRIO_PROCESS, the caller
		{unix.SYS_SCHED_SETPARAM, []int{0}},
		{unix.SYS_SCHED_SETSCHEDULER, []int{0}},
		{unix.SYS_SCHED_SETATTR, []int{0}},
	}
	other = map[string][]call{
		"amd64": {{97, []int{0, 1}}, {154, []int{0}}, {156, []int{0}}, {351, []int{0}}},
		"arm64": {{97, []int{0, 1}}, {154, []int{0}}, {156, []int{0}}, {380, []int{0}}},
	}
	archs = map[string]uint32{"amd64": unix.AUDIT_ARCH_X86_64, "arm64": unix.AUDIT_ARCH_AARCH64}
)

// x32 marks the numbers of the x32 ABI on amd64; no number has it elsewhere.
const x32 = 0x40000000

// unstarve makes all system calls of this process and its children fail with
// EPERM that would change how another process is scheduled. It cannot be undone.
func unstarve() error {
	arch, known := archs[runtime.GOARCH]
	if !known {
		return nil
	}
	// Where struct seccomp_data has what: nr, arch, instruction pointer, arguments.
	const nr, architecture, args = 0, 4, 16
	jump := func(op uint16, k uint32, yes, no int) unix.SockFilter {
		return unix.SockFilter{Code: unix.BPF_JMP | op | unix.BPF_K, K: k, Jt: uint8(yes), Jf: uint8(no)} //nolint:gosec // a few dozen at most
	}
	load := func(at int) unix.SockFilter {
		return unix.SockFilter{Code: unix.BPF_LD | unix.BPF_W | unix.BPF_ABS, K: uint32(at)} //nolint:gosec // at most 64
	}
	answer := func(k uint32) unix.SockFilter {
		return unix.SockFilter{Code: unix.BPF_RET | unix.BPF_K, K: k}
	}
	deny := answer(unix.SECCOMP_RET_ERRNO | uint32(unix.EPERM))
	rules := func(calls []call) (p []unix.SockFilter) {
		p = append(p, load(nr), unix.SockFilter{Code: unix.BPF_ALU | unix.BPF_AND | unix.BPF_K, K: ^uint32(x32)})
		for _, c := range calls {
			body := []unix.SockFilter{}
			for _, n := range c.zero { // ids are ints: the kernel looks at the low half, as we do
				body = append(body, load(args+8*n), jump(unix.BPF_JEQ, 0, 1, 0), deny)
			}
			body = append(body, answer(unix.SECCOMP_RET_ALLOW))
			p = append(append(p, jump(unix.BPF_JEQ, c.nr, 0, len(body))), body...)
		}
		return append(p, answer(unix.SECCOMP_RET_ALLOW))
	}
	own := rules(native)
	program := append([]unix.SockFilter{load(architecture), jump(unix.BPF_JEQ, arch, 0, len(own))}, own...)
	program = append(program, rules(other[runtime.GOARCH])...)

	if err := unix.Prctl(unix.PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0); err != nil {
		return err
	}
	prog := unix.SockFprog{Len: uint16(len(program)), Filter: &program[0]} //nolint:gosec // a few dozen
	thread, _, errno := unix.Syscall(unix.SYS_SECCOMP, unix.SECCOMP_SET_MODE_FILTER, unix.SECCOMP_FILTER_FLAG_TSYNC, uintptr(unsafe.Pointer(&prog)))
	switch {
	case errors.Is(errno, unix.ENOSYS), errors.Is(errno, unix.EINVAL):
		return nil // a runtime without filters is no reason to do nothing at all
	case errno != 0:
		return errno
	case thread != 0:
		return fmt.Errorf("thread %d cannot be filtered", thread)
	}
	return nil
}
