//go:build !linux

package main

import "errors"

// harden has nothing to offer where no sandbox runs.
func harden() error { return errors.New("a sandbox runs on Linux only") }

func unstarve() error { return nil }
