//go:build !unix

package main

import "io"

// run is for the inside of a container, where there is always a Unix.
func run(_ runOptions, _ []string, stderr io.Writer) int {
	say(stderr, "run works in a container only")
	return exitNotReady
}
