package journal

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"
)

// maxRead bounds a file that is read back as a whole. The largest is a result:
// ten patches of 64 MiB, each as text.
const maxRead = 1 << 30

// Read gives a whole file. Its error is fs.ErrNotExist, wrapped, if there is
// none. It follows no symbolic link: the journal has none.
func (d Dir) Read(name string) ([]byte, error) {
	f, _, err := d.open(name)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	b, err := io.ReadAll(io.LimitReader(f, maxRead+1))
	if err != nil {
		return nil, fmt.Errorf("read %s from the journal: %w", name, cause(err))
	}
	if len(b) > maxRead {
		return nil, fmt.Errorf("read %s from the journal: it has more than %d bytes", name, maxRead)
	}
	return b, nil
}

// open opens a regular file and nothing else, and says how large it is. The
// caller closes it.
func (d Dir) open(name string) (*os.File, int64, error) {
	if !filepath.IsLocal(name) {
		return nil, 0, fmt.Errorf("read %q from the journal: that is no name in it", name)
	}
	// A pipe would make us wait for somebody to write into it.
	f, err := os.OpenFile(d.Path(name), os.O_RDONLY|syscall.O_NOFOLLOW|syscall.O_NONBLOCK, 0)
	if errors.Is(err, syscall.ELOOP) {
		return nil, 0, notRegular(name)
	}
	if err != nil {
		return nil, 0, fmt.Errorf("read %s from the journal: %w", name, cause(err))
	}
	info, err := f.Stat()
	if err == nil && !info.Mode().IsRegular() {
		err = notRegular(name)
	}
	if err != nil {
		_ = f.Close()
		return nil, 0, err
	}
	return f, info.Size(), nil
}

func notRegular(name string) error {
	return fmt.Errorf("read %s from the journal: it is no regular file", name)
}

// cause leaves out the path: it holds names that somebody else may have chosen,
// and errors go to a terminal.
func cause(err error) error {
	var p *fs.PathError
	if errors.As(err, &p) {
		return p.Err
	}
	return err
}
