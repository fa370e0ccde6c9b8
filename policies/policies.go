// Package policies holds what a security reviewer reads: limits, environment
// and commands, as JSON that is embedded in the binary. The package only decodes
// it, strictly; what the rules mean is package policy's business. The accessors'
// errors can only come from a binary that was built with a broken file.
package policies

import (
	"bytes"
	_ "embed" // the JSON files
	"encoding/json"
	"errors"
	"fmt"
	"io"
)

// decode reads exactly one JSON value of a known shape.
func decode[T any](name string, b []byte) (T, error) {
	var v T
	d := json.NewDecoder(bytes.NewReader(b))
	d.DisallowUnknownFields()
	if err := d.Decode(&v); err != nil {
		return v, fmt.Errorf("decode policies/%s: %w", name, err)
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return v, fmt.Errorf("decode policies/%s: something follows the value", name)
	}
	return v, nil
}
