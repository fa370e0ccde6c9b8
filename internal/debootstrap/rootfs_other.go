//go:build !linux

package debootstrap

import (
	"context"
	"errors"
	"io"
)

// Available says that RootFS cannot work here.
func Available() error {
	return errors.New("a base image can be built from a distribution's packages on Linux only; make a container registry reachable")
}

// RootFS returns the error of Available.
func RootFS(context.Context, string, []string, io.Writer, io.Writer) error { return Available() }
