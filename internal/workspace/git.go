package workspace

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"time"
)

// git is the command-line program, run with an environment of our choosing.
type git struct {
	path string
	log  *slog.Logger
}

// call is one run of git.
type call struct {
	// dir is where git is started.
	dir string
	// env adds to an environment without any GIT_ variable of the caller's.
	env   []string
	args  []string
	stdin io.Reader
	// limit is how many bytes of standard output are taken; 0 means all. Beyond
	// it git is ended and the error is errOutputLimit.
	limit int64
}

// output is what a run of git printed.
type output struct {
	stdout []byte
	// stderr is cut at maxStderr.
	stderr string
}

const maxStderr = 64 << 10

var errOutputLimit = errors.New("git printed more than was asked for")

// gitError is a run of git that ended with a status other than 0.
type gitError struct {
	args   []string
	code   int
	stderr string
}

func (e *gitError) Error() string {
	return fmt.Sprintf("run git %s: exit status %d: %s", subcommand(e.args), e.code, brief(e.stderr))
}

// run runs git to its end. Any status but 0 is a *gitError.
func (g git) run(ctx context.Context, c call) (output, error) {
	start := time.Now()
	stdout := &cappedBuffer{limit: c.limit}
	stderr := &cappedBuffer{limit: maxStderr, discard: true}
	cmd := exec.CommandContext(ctx, g.path, c.args...)
	cmd.Dir = c.dir
	cmd.Env = append(inheritedEnv(), c.env...)
	cmd.Stdin = c.stdin
	cmd.Stdout, cmd.Stderr = stdout, stderr
	// git starts children of its own (filters, index-pack): all of them end with it.
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	cmd.Cancel = func() error { return syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) }
	cmd.WaitDelay = 5 * time.Second

	err := cmd.Run()
	g.log.DebugContext(ctx, "git", "args", c.args, "took", time.Since(start), "err", err)
	out := output{stdout.content.Bytes(), stderr.content.String()}
	var exit *exec.ExitError
	switch {
	case stdout.full:
		return out, errOutputLimit
	case err == nil:
		return out, nil
	case ctx.Err() != nil:
		return out, fmt.Errorf("run git %s: %w", subcommand(c.args), context.Cause(ctx))
	case errors.As(err, &exit):
		return out, &gitError{c.args, exit.ExitCode(), out.stderr}
	default:
		return out, fmt.Errorf("run git %s: %w", subcommand(c.args), err)
	}
}

// inheritedEnv is our environment without what would point git elsewhere, and
// with what keeps its output stable and its hands in its pockets.
func inheritedEnv() []string {
	var env []string
	for _, kv := range os.Environ() {
		if !strings.HasPrefix(kv, "GIT_") && !strings.HasPrefix(kv, "LC_ALL=") {
			env = append(env, kv)
		}
	}
	env = append(env, configEnv(nil)...)
	return append(env,
		"LC_ALL=C",
		"GIT_TERMINAL_PROMPT=0",
		"GIT_OPTIONAL_LOCKS=0",
		// A replaced object would make the base something else than its name says.
		"GIT_NO_REPLACE_OBJECTS=1",
	)
}

// exitCode is the status that git ended with; -1 if err is something else.
func exitCode(err error) int {
	var ge *gitError
	if errors.As(err, &ge) {
		return ge.code
	}
	return -1
}

// subcommand is the first word that is neither an option nor the value of one.
func subcommand(args []string) string {
	for i := 0; i < len(args); i++ {
		switch {
		case args[i] == "-c" || args[i] == "-C":
			i++
		case !strings.HasPrefix(args[i], "-"):
			return args[i]
		}
	}
	return strings.Join(args, " ")
}

// brief makes what git printed fit into a sentence.
func brief(stderr string) string {
	s := strings.Join(strings.Fields(strings.ToValidUTF8(stderr, "\uFFFD")), " ")
	if len(s) > 500 {
		s = strings.ToValidUTF8(s[:500], "") + " ..."
	}
	return s
}

// complaint is what git said when it failed, as the end of a sentence.
func complaint(err error) string {
	var ge *gitError
	if !errors.As(err, &ge) {
		return err.Error()
	}
	return strings.TrimSuffix(brief(ge.stderr), ".") + "."
}

// cappedBuffer keeps the first limit bytes; 0 means all. Then it refuses more,
// or with discard swallows the rest. It must not embed the buffer: io.Copy would
// find ReadFrom and pass Write by.
type cappedBuffer struct {
	content bytes.Buffer
	limit   int64
	discard bool
	full    bool
}

func (b *cappedBuffer) Write(p []byte) (int, error) {
	if b.limit <= 0 || int64(b.content.Len()+len(p)) <= b.limit {
		return b.content.Write(p)
	}
	n, _ := b.content.Write(p[:int(b.limit)-b.content.Len()])
	if b.discard {
		return len(p), nil
	}
	b.full = true
	return n, errOutputLimit
}
