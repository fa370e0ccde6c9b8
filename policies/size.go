package policies

import (
	"encoding/json"
	"fmt"
	"strconv"
	"strings"

	"github.com/docker/go-units"
)

// Size is a number of bytes. In JSON it is a whole number or a string as Docker
// takes it: "512MiB", "2g". As for Docker, all units are powers of 1024.
type Size int64

// ParseSize reads "2GiB", "512m" or "1048576". Zero and below are refused.
func ParseSize(s string) (Size, error) {
	// RAMInBytes goes through float64, which also takes "Inf" and hexadecimal.
	if s == "" || strings.Trim(s[:1], "0123456789") != "" || strings.ContainsAny(s, "xX_") {
		return 0, fmt.Errorf("parse size %.40q: it does not begin with a number", s)
	}
	n, err := units.RAMInBytes(s)
	if err != nil {
		return 0, fmt.Errorf("parse size %.40q: %w", s, err)
	}
	// A float64 beyond int64 converts to an arbitrary number, often a negative one.
	if n <= 0 || n > units.PiB {
		return 0, fmt.Errorf("parse size %.40q: it must be between 1 byte and 1PiB", s)
	}
	return Size(n), nil
}

// UnmarshalJSON takes a whole number of bytes or what ParseSize takes.
func (s *Size) UnmarshalJSON(b []byte) error {
	var text string
	if len(b) > 0 && b[0] == '"' {
		if err := json.Unmarshal(b, &text); err != nil {
			return fmt.Errorf("read size: %w", err)
		}
	} else {
		n, err := strconv.ParseInt(string(b), 10, 64)
		if err != nil || n < 0 {
			return fmt.Errorf("read size: %.40s is not a whole number of bytes", b)
		}
		*s = Size(n)
		return nil
	}
	n, err := ParseSize(text)
	if err != nil {
		return err
	}
	*s = n
	return nil
}

// String prints the size in the largest unit that divides it: "2GiB".
func (s Size) String() string {
	for _, u := range []struct {
		name string
		n    Size
	}{{"GiB", units.GiB}, {"MiB", units.MiB}, {"KiB", units.KiB}} {
		if s >= u.n && s%u.n == 0 {
			return strconv.FormatInt(int64(s/u.n), 10) + u.name
		}
	}
	return strconv.FormatInt(int64(s), 10)
}

// MarshalJSON writes the bytes as a number.
func (s Size) MarshalJSON() ([]byte, error) { return strconv.AppendInt(nil, int64(s), 10), nil }
