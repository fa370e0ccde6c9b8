package main

import (
	"runtime"
	"sync"
	"time"

	"golang.org/x/sys/unix"
)

// spareThreads is how many threads Go may need at once for what run and bridge
// do: it ends the process when it cannot get one.
const spareThreads = 8

// harden makes this process one that others of its uid can neither trace nor
// read through /proc, and that goes on when a fork bomb has taken every pid
// that the container may have.
func harden() error {
	if err := unix.Prctl(unix.PR_SET_DUMPABLE, 0, 0, 0, 0); err != nil {
		return err
	}
	runtime.GOMAXPROCS(min(2, runtime.NumCPU()))
	// Go keeps idle threads: make them all now. A locked goroutine that sleeps
	// in a system call holds one.
	var ready sync.WaitGroup
	for range spareThreads {
		ready.Go(func() {
			runtime.LockOSThread()
			defer runtime.UnlockOSThread()
			pause := unix.NsecToTimespec(int64(2 * time.Millisecond))
			_ = unix.Nanosleep(&pause, nil) // a signal may cut it short
		})
	}
	ready.Wait()
	return nil
}
