package workspace

import (
	"io/fs"
	"syscall"
)

// stat is how a file looked. Two equal ones mean that nobody touched the file
// in between: writing, linking, renaming, chmod and utimes all move the change
// time, and only the clock can set it.
type stat struct {
	ino    uint64
	size   int64
	mtime  int64 // nanoseconds
	ctime  int64 // nanoseconds
	mode   fs.FileMode
	device uint64
}

func statOf(info fs.FileInfo) stat {
	s := stat{size: info.Size(), mtime: info.ModTime().UnixNano(), mode: info.Mode()}
	if st, ok := info.Sys().(*syscall.Stat_t); ok {
		s.ino, s.device, s.ctime = uint64(st.Ino), uint64(st.Dev), changeTime(st)
	}
	return s
}
