package validate

import (
	"bytes"
	"compress/zlib"
	"errors"
	"fmt"
	"io"
	"strings"
)

// maxBinary bounds what a binary patch unpacks to: the collector takes no
// larger file.
const maxBinary = 64 << 20

// base85 is git's alphabet (base85.c); the standard library has only Adobe's.
const base85 = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz!#$%&()*+-;<=>?@^_`{|}~"

// binaryContent gives what the lines after "GIT binary patch" add to a file:
// all of it for a literal, what a delta does not take from the old file
// otherwise. The forms are those of gitformat-pack(5) and git's diff.c.
func binaryContent(lines [][]byte) ([]byte, error) {
	if len(lines) == 0 {
		return nil, errors.New("the binary patch has no beginning")
	}
	kind, length, _ := strings.Cut(string(lines[0]), " ")
	var packed []byte
	for _, text := range lines[1:] {
		if len(text) == 0 {
			break
		}
		var err error
		if packed, err = unpackLine(packed, text); err != nil {
			return nil, err
		}
	}
	z, err := zlib.NewReader(bytes.NewReader(packed))
	if err != nil {
		return nil, fmt.Errorf("unpack binary patch: %w", err)
	}
	content, err := io.ReadAll(io.LimitReader(z, maxBinary+1))
	switch {
	case err != nil:
		return nil, fmt.Errorf("unpack binary patch: %w", err)
	case len(content) > maxBinary || fmt.Sprint(len(content)) != length:
		return nil, fmt.Errorf("the binary patch does not have the %s bytes that it speaks of", length)
	case kind == "literal":
		return content, nil
	case kind == "delta":
		return inserted(content)
	}
	return nil, fmt.Errorf("there is no binary patch of the kind %q", kind)
}

// unpackLine decodes a letter for the length, A-Z for 1 to 26 and a-z for 27 to
// 52, and five characters for every four bytes, the first being the highest.
func unpackLine(to, text []byte) ([]byte, error) {
	n := 0
	switch c := text[0]; {
	case c >= 'A' && c <= 'Z':
		n = int(c-'A') + 1
	case c >= 'a' && c <= 'z':
		n = int(c-'a') + 27
	}
	if text = text[1:]; n == 0 || len(text) != (n+3)/4*5 {
		return nil, errors.New("the binary patch has a line of a wrong length")
	}
	end := len(to) + n
	for ; len(text) > 0; text = text[5:] {
		var v uint64
		for _, c := range text[:5] {
			i := strings.IndexByte(base85, c)
			if i < 0 {
				return nil, errors.New("the binary patch holds a character that is not its own")
			}
			v = v*85 + uint64(i)
		}
		to = append(to, byte(v>>24), byte(v>>16), byte(v>>8), byte(v))
	}
	return to[:end], nil
}

// inserted gives what a delta adds. Pieces that follow each other stay together.
func inserted(delta []byte) ([]byte, error) {
	bad := errors.New("the binary patch ends in the midst of a delta")
	for range 2 { // the sizes of both files
		for len(delta) > 0 && delta[0]&0x80 != 0 {
			delta = delta[1:]
		}
		if len(delta) == 0 {
			return nil, bad
		}
		delta = delta[1:]
	}
	var added []byte
	for len(delta) > 0 {
		op := delta[0]
		delta = delta[1:]
		n := int(op)
		if op&0x80 != 0 { // copy; each low bit says that a byte of offset or size follows
			n = 0
			for bit := range 7 {
				n += int(op >> bit & 1)
			}
			if len(added) > 0 && added[len(added)-1] != '\n' {
				added = append(added, '\n')
			}
		}
		if op == 0 || n > len(delta) {
			return nil, bad
		}
		if op&0x80 == 0 {
			added = append(added, delta[:n]...)
		}
		delta = delta[n:]
	}
	return added, nil
}
