package lifeline

import (
	"bytes"
	"encoding/binary"
	"errors"
	"io"
	"testing"
)

// read is what comes out of a lifeline, all of it.
func read(t testing.TB, sent []byte) []byte {
	t.Helper()
	frames := make(chan []byte, len(sent)+1)
	Read(bytes.NewReader(sent), frames)
	var got []byte
	for data := range frames { // ends: the channel is closed, and closed once
		if len(data) == 0 || len(data) > MaxFrame {
			t.Fatalf("a frame of %d bytes was handed on", len(data))
		}
		got = append(got, data...)
	}
	return got
}

func TestWhatIsWrittenIsRead(t *testing.T) {
	for _, n := range []int{0, 1, MaxFrame - 1, MaxFrame, MaxFrame + 1, 5*MaxFrame + 7} {
		want := bytes.Repeat([]byte("prompt!"), n/7+1)[:n]
		var line bytes.Buffer
		w := Writer{&line}
		if sent, err := w.Write(want); sent != n || err != nil {
			t.Errorf("%d bytes: %d were sent, %v", n, sent, err)
		}
		if err := w.End(); err != nil {
			t.Error(err)
		}
		line.WriteString("what is no longer the command's")
		if got := read(t, line.Bytes()); !bytes.Equal(got, want) {
			t.Errorf("of %d bytes %d came", n, len(got))
		}
	}
}

func TestAWriteSaysHowMuchWasSent(t *testing.T) {
	broken := errors.New("broken")
	after := 2
	w := Writer{writerFunc(func(p []byte) (int, error) {
		if after--; after < 0 {
			return 0, broken
		}
		return len(p), nil
	})}
	if n, err := w.Write(make([]byte, 3*MaxFrame)); n != 2*MaxFrame || !errors.Is(err, broken) {
		t.Errorf("%d bytes, %v", n, err)
	}
	if err := w.End(); !errors.Is(err, broken) {
		t.Errorf("the end: %v", err)
	}
}

type writerFunc func(p []byte) (int, error)

func (f writerFunc) Write(p []byte) (int, error) { return f(p) }

// FuzzRead: whatever comes along a lifeline, what is handed on is what its whole
// frames hold, up to the first that is none.
func FuzzRead(f *testing.F) {
	var line bytes.Buffer
	for _, s := range []string{"a", "bc"} {
		_, _ = io.WriteString(Writer{&line}, s)
	}
	f.Add(line.Bytes())
	f.Add(line.Bytes()[:6])
	_ = Writer{&line}.End()
	f.Add(line.Bytes())
	f.Add([]byte{0xff, 0xff, 0xff, 0xff, 1})
	f.Add([]byte{0, 1, 0, 1, 0})
	f.Fuzz(func(t *testing.T, sent []byte) {
		var want []byte
		for rest := sent; len(rest) > 4; {
			n := int(binary.BigEndian.Uint32(rest))
			if n == 0 || n > MaxFrame || n > len(rest)-4 {
				break
			}
			want, rest = append(want, rest[4:4+n]...), rest[4+n:]
		}
		if got := read(t, sent); !bytes.Equal(got, want) {
			t.Errorf("%q gave %q, want %q", sent, got, want)
		}
	})
}
