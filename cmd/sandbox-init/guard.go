package main

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"net"
	"net/textproto"
	"strconv"
	"strings"
	"time"
)

const (
	// exitDenied makes Codex refuse the command and show the model our stderr
	// (codex-cli.md, section 5b). Any other failure would let the command run.
	// A Go panic exits with 2 as well.
	exitDenied   = 2
	guardTimeout = 10 * time.Second
	maxQuestion  = 8 << 20 // a patch comes whole
	maxAnswer    = 1 << 20
)

// guard asks the host whether Codex may do what stdin describes. The answer
// goes to stdout only when it is complete, and nothing goes there otherwise.
func guard(addr string, timeout time.Duration, stdin io.Reader, stdout, stderr io.Writer) int {
	deadline := time.Now().Add(timeout)
	type answer struct {
		body []byte
		err  error
	}
	asked := make(chan answer, 1)
	go func() { // reading stdin has no deadline of its own
		body, err := ask(addr, deadline, stdin)
		asked <- answer{body, err}
	}()
	var a answer
	select {
	case a = <-asked:
	case <-time.After(time.Until(deadline) + 100*time.Millisecond):
		a.err = errors.New("no question on stdin in time")
	}
	if a.err == nil {
		_, a.err = stdout.Write(a.body)
	}
	if a.err != nil {
		say(stderr, "command refused, the guard has no answer: %s", oneLine(a.err.Error()))
		return exitDenied
	}
	return 0
}

// ask posts the question and gives the body of a 200.
func ask(addr string, deadline time.Time, stdin io.Reader) ([]byte, error) {
	question, err := io.ReadAll(io.LimitReader(stdin, maxQuestion+1))
	if err != nil {
		return nil, fmt.Errorf("read question: %w", err)
	}
	if len(question) > maxQuestion {
		return nil, fmt.Errorf("the question is larger than %d bytes", maxQuestion)
	}
	dialer := net.Dialer{Deadline: deadline}
	conn, err := dialer.Dial("tcp", addr)
	if err != nil {
		return nil, err
	}
	defer func() { _ = conn.Close() }()
	if err := conn.SetDeadline(deadline); err != nil {
		return nil, err
	}
	// HTTP/1.0, so that no server answers in chunks.
	head := fmt.Sprintf("POST /guard HTTP/1.0\r\nHost: %s\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n", addr, len(question))
	if _, err := conn.Write(append([]byte(head), question...)); err != nil {
		return nil, err
	}
	return readAnswer(conn)
}

// readAnswer takes nothing but a whole 200 with a Content-Length: a body that
// was cut off must not pass for a shorter one.
func readAnswer(r io.Reader) ([]byte, error) {
	limited := &io.LimitedReader{R: r, N: maxAnswer + 64<<10}
	text := textproto.NewReader(bufio.NewReader(limited))
	status, err := text.ReadLine()
	if err != nil {
		return nil, fmt.Errorf("read status: %w", err)
	}
	version, code, _ := strings.Cut(status, " ")
	code, _, _ = strings.Cut(code, " ")
	if !strings.HasPrefix(version, "HTTP/1.") || code != "200" {
		return nil, fmt.Errorf("the host answered %q", status)
	}
	header, err := text.ReadMIMEHeader()
	if err != nil {
		return nil, fmt.Errorf("read header: %w", err)
	}
	if header.Get("Transfer-Encoding") != "" {
		return nil, errors.New("the host answered in chunks")
	}
	lengths := header.Values("Content-Length")
	if len(lengths) != 1 {
		return nil, fmt.Errorf("the host sent %d lengths", len(lengths))
	}
	n, err := strconv.ParseUint(lengths[0], 10, 32)
	if err != nil || n > maxAnswer {
		return nil, fmt.Errorf("the host sent the length %q", lengths[0])
	}
	var body bytes.Buffer
	if _, err := io.CopyN(&body, text.R, int64(n)); err != nil {
		return nil, fmt.Errorf("read answer: %w", err)
	}
	return body.Bytes(), nil
}

// oneLine keeps what we print to one line of a bounded length.
func oneLine(s string) string {
	s = strings.Join(strings.Fields(s), " ")
	return s[:min(len(s), 300)]
}
