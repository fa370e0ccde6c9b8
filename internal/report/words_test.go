package report

import (
	"testing"
	"time"
)

func TestWords(t *testing.T) {
	for got, want := range map[string]string{
		duration(0): "0 s", duration(350 * time.Millisecond): "350 ms", duration(1500 * time.Millisecond): "1.5 s", duration(9990 * time.Millisecond): "9.9 s",
		duration(59 * time.Second): "59 s", duration(60 * time.Second): "1 min", duration(187400 * time.Millisecond): "3 min 7 s",
		duration(59*time.Minute + 59600*time.Millisecond): "1 h", duration(90 * time.Minute): "1 h 30 min", duration(-1): "unknown", duration(1<<63 - 1): "2,562,047 h 47 min",
		size(0): "0 bytes", size(1): "1 byte", size(1023): "1,023 bytes", size(1536): "1.5 KiB", size(2 << 30): "2 GiB", size(int64(1 << 62)): "4194304 TiB",
		number(0): "0", number(999): "999", number(1000): "1,000", number(-1234567): "-1,234,567", number(int64(-1 << 63)): "-9,223,372,036,854,775,808",
		count(1, "file"): "1 file", count(2, "file"): "2 files", count(0, "task"): "0 tasks",
		clip(5, "short"): "short", clip(4, "longer"): "long… (2 bytes more)", clip(2, "äöü"): "ä… (4 bytes more)", clip(1, "äöü"): "… (6 bytes more)",
		tail(2, "longer"): "(4 bytes before) …er", tail(3, "äöü"): "(4 bytes before) …ü",
		plain("\x1b[1;31mred\x1b[0m\r\n\x1b[2J"): "red\n\x1b[2J",
	} {
		if got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
}
