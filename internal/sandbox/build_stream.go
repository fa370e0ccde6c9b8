package sandbox

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"regexp"
	"strings"

	"github.com/docker/docker/pkg/jsonmessage"
)

// readStream reads the engine's answer to a pull, an import or a build to its end.
// Each call of word, which may be nil, gets what the engine says, in pieces that
// need not be lines. An error in the stream is the operation's.
func readStream(r io.Reader, word func(string)) error {
	for d := json.NewDecoder(r); ; {
		var m jsonmessage.JSONMessage
		if err := d.Decode(&m); errors.Is(err, io.EOF) {
			return nil
		} else if err != nil {
			return fmt.Errorf("read the engine's answer: %w", err)
		}
		if m.Error != nil {
			return errors.New(strings.TrimSpace(m.Error.Message))
		}
		if word != nil {
			word(m.Stream + m.Status)
		}
	}
}

var (
	stepLine  = regexp.MustCompile(`^Step (\d+/\d+) : (.*)$`)
	imageLine = regexp.MustCompile(`^ ---> ([0-9a-f]{12,64})$`)
)

// escapes are what the builder marks a program's standard error with, and whatever
// else would move a terminal's cursor.
var escapes = regexp.MustCompile(`\x1b\[[0-9;?]*[A-Za-z]|[\x00-\x08\x0b-\x1f\x7f]`)

const cacheLine = " ---> Using cache"

// steps follows the classic builder's output.
type steps struct {
	say func(format string, args ...any)
	log *slog.Logger

	part   string
	step   string   // the step at work: "step 3/18 (RUN ...)"
	from   bool     // it is a FROM, which makes no image
	cached bool     // it needs not be run
	last   []string // what it said last
	seen   []string // all images that the output names, by short id
	made   []string // those that this build has made, parents first
}

func (s *steps) line(word string) {
	lines := strings.Split(s.part+word, "\n")
	s.part = lines[len(lines)-1]
	for _, l := range lines[:len(lines)-1] {
		s.take(escapes.ReplaceAllString(l, ""))
	}
}

func (s *steps) take(l string) {
	s.log.Debug("image build", "line", l)
	if m := stepLine.FindStringSubmatch(l); m != nil {
		what := strings.Join(strings.Fields(m[2]), " ")
		if len(what) > 100 {
			what = strings.ToValidUTF8(what[:97], "") + "..."
		}
		s.step, s.last, s.cached = "step "+m[1]+" ("+what+")", nil, false
		s.from = strings.HasPrefix(m[2], "FROM ")
		if verb, _, _ := strings.Cut(what, " "); verb == "RUN" || verb == "COPY" {
			s.say("  %s %s", m[1], what) // the others take no time
		}
		return
	}
	if l == cacheLine {
		s.cached = true
		return
	}
	if m := imageLine.FindStringSubmatch(l); m != nil {
		s.seen = append(s.seen, m[1])
		if !s.from && !s.cached {
			s.made = append(s.made, m[1])
		}
		return
	}
	if strings.TrimSpace(l) == "" || strings.HasPrefix(l, " ---> ") || strings.HasPrefix(l, "Removing intermediate container ") {
		return
	}
	if s.last = append(s.last, l); len(s.last) > 15 {
		s.last = s.last[1:]
	}
}

// lineLog writes what a program prints to a log, by line.
type lineLog struct {
	log  *slog.Logger
	part string
}

func (w *lineLog) Write(p []byte) (int, error) {
	lines := strings.Split(w.part+string(p), "\n")
	w.part = lines[len(lines)-1]
	for _, l := range lines[:len(lines)-1] {
		w.log.Debug("base image", "line", l)
	}
	return len(p), nil
}
