package tunnel

import (
	"fmt"
	"log/slog"
	"strings"
	"sync/atomic"
)

// maxLogLines bounds what one session may write to the log: yamux logs a line
// for every frame that it does not like, and the peer chooses the frames.
const maxLogLines = 20

// quietLog is yamux's logger: at debug level, and only so many lines.
type quietLog struct {
	log   *slog.Logger
	lines atomic.Int64
}

func (l *quietLog) Print(v ...any)                 { l.write(fmt.Sprint(v...)) }
func (l *quietLog) Println(v ...any)               { l.write(fmt.Sprintln(v...)) }
func (l *quietLog) Printf(format string, v ...any) { l.write(fmt.Sprintf(format, v...)) }

func (l *quietLog) write(line string) {
	if n := l.lines.Add(1); n > maxLogLines {
		return
	}
	l.log.Debug("tunnel", "yamux", strings.TrimSpace(line))
}
