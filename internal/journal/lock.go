package journal

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"github.com/gofrs/flock"
)

// lockName is a file whose lock the writer of a run holds. The kernel drops the
// lock of a process that dies, however it dies; a process id could have been
// given to another.
const lockName = "lock"

func newLock(dir string) *flock.Flock {
	return flock.New(filepath.Join(dir, lockName), flock.SetPermissions(0o600))
}

// tryLock does not take the first no for an answer: isLive holds a shared lock
// for a moment, and must not pass for a writer.
func tryLock(lock *flock.Flock) (bool, error) {
	for range 4 {
		if ok, err := lock.TryLock(); ok || err != nil {
			return ok, err
		}
		time.Sleep(5 * time.Millisecond)
	}
	return lock.TryLock()
}

// takeOver says whether nobody writes the run any more, and if so holds its
// lock until unlock is called.
func takeOver(dir string) (dead bool, unlock func() error, err error) {
	lock := newLock(dir)
	ok, err := tryLock(lock)
	if err != nil {
		return false, nil, fmt.Errorf("lock %s: %w", dir, err)
	}
	if !ok {
		return false, nil, nil
	}
	return true, lock.Unlock, nil
}

// isLive says whether somebody holds the run's lock. It makes no file, and does
// not keep others who ask the same from their answer. A run that is just being
// cleaned up or removed counts as live.
func isLive(dir string) (bool, error) {
	lock := flock.New(filepath.Join(dir, lockName), flock.SetFlag(os.O_RDONLY))
	free, err := lock.TryRLock()
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return false, nil
	case err != nil:
		return false, fmt.Errorf("look at the lock of run %q: %w", filepath.Base(dir), cause(err))
	case !free:
		return true, nil
	}
	return false, lock.Unlock()
}
