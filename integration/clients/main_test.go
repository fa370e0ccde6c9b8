//go:build integration

// Package clients tests the built program with the clients that people use: the
// TypeScript SDKs, MCP Inspector, the conformance suite, Claude Code, and the
// packages that bring the program to them. The clients come from npm when a test
// first needs them; where they cannot be had, the tests skip and say why.
package clients

import (
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"testing"
)

// program is codex-mcp-runner.
var program = flag.String("program", "", "test this codex-mcp-runner instead of building one")

func TestMain(m *testing.M) { os.Exit(testMain(m)) }

func testMain(m *testing.M) int {
	flag.Parse()
	if *program == "" {
		dir, err := os.MkdirTemp("", "cmr-clients-")
		if err != nil {
			fmt.Fprintln(os.Stderr, err)
			return 1
		}
		defer os.RemoveAll(dir)
		*program = filepath.Join(dir, "codex-mcp-runner")
		for _, c := range []*exec.Cmd{
			exec.Command("make", "-s", "-C", "../..", "init"),
			exec.Command("go", "build", "-race", "-o", *program, "../../cmd/codex-mcp-runner"),
			exec.Command(*program, "image", "build"),
		} {
			c.Stdout, c.Stderr = os.Stderr, os.Stderr
			if err := c.Run(); err != nil {
				// No engine, no image: nothing was tested, and that is a failure.
				fmt.Fprintf(os.Stderr, "clients: %v: %v\n", c.Args, err)
				return 1
			}
		}
	}
	// A test mostly waits for a client that waits for a container.
	said := false
	flag.Visit(func(f *flag.Flag) { said = said || f.Name == "test.parallel" })
	if !said {
		if err := flag.Set("test.parallel", strconv.Itoa(2*runtime.GOMAXPROCS(0))); err != nil {
			fmt.Fprintln(os.Stderr, err)
			return 1
		}
	}
	return m.Run()
}
