package journal

import (
	"fmt"
	"io"
	"os"
	"path/filepath"
)

// Dir is one directory of the journal: a run's or a task's.
type Dir struct{ path string }

// Path is the absolute path of a file in the directory, or of the directory
// itself for "".
func (d Dir) Path(name string) string { return filepath.Join(d.path, name) }

// Append opens a file that grows while the task runs. The caller closes it;
// closing syncs it.
func (d Dir) Append(name string) (io.WriteCloser, error) {
	f, err := os.OpenFile(d.Path(name), os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o600)
	if err != nil {
		return nil, fmt.Errorf("open %s in the journal: %w", name, err)
	}
	return syncedFile{f}, nil
}

type syncedFile struct{ *os.File }

func (f syncedFile) Close() error {
	err := f.Sync()
	if cerr := f.File.Close(); err == nil {
		err = cerr
	}
	return err
}

// Write stores a whole file: a reader sees either what was there before or all
// of it, also after a power cut.
func (d Dir) Write(name string, content []byte) (err error) {
	f, err := os.CreateTemp(d.path, "."+name+".*") // 0600
	if err != nil {
		return fmt.Errorf("write %s to the journal: %w", name, err)
	}
	defer func() {
		if err != nil {
			_ = f.Close()
			_ = os.Remove(f.Name())
			err = fmt.Errorf("write %s to the journal: %w", name, err)
		}
	}()
	if _, err = f.Write(content); err != nil {
		return err
	}
	if err = f.Sync(); err != nil {
		return err
	}
	if err = f.Close(); err != nil {
		return err
	}
	if err = os.Rename(f.Name(), d.Path(name)); err != nil {
		return err
	}
	return syncDir(d.path)
}

// syncDir makes a rename durable.
func syncDir(path string) error {
	d, err := os.Open(path)
	if err != nil {
		return err
	}
	err = d.Sync()
	if cerr := d.Close(); err == nil {
		err = cerr
	}
	return err
}
