package main

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/iotest"
	"time"
)

// raw serves one connection by reading the question's head and writing answer as it stands.
func raw(t *testing.T, answer string, hold time.Duration) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		c, err := l.Accept()
		if err != nil {
			return
		}
		defer c.Close()
		_, _ = c.Read(make([]byte, 4096))
		_, _ = io.WriteString(c, answer)
		time.Sleep(hold)
	}()
	t.Cleanup(func() { _ = l.Close(); <-done })
	return l.Addr().String()
}

func nobody(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	_ = l.Close()
	return l.Addr().String()
}

func TestGuardPassesTheAnswerOn(t *testing.T) {
	var question string
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		b, _ := io.ReadAll(r.Body)
		question = fmt.Sprintf("%s %s %s", r.Method, r.URL.Path, b)
		_, _ = io.WriteString(w, `{"decision":"deny"}`)
	}))
	defer srv.Close()
	var out, errs bytes.Buffer
	code := dispatch([]string{"guard", srv.Listener.Addr().String()}, strings.NewReader(`{"tool":"Bash"}`), &out, &errs)
	if code != 0 || out.String() != `{"decision":"deny"}` || errs.Len() > 0 {
		t.Errorf("code %d, stdout %q, stderr %q", code, &out, &errs)
	}
	if want := `POST /guard {"tool":"Bash"}`; question != want {
		t.Errorf("the host was asked %q, want %q", question, want)
	}
}

func TestGuardTakesAnEmptyAnswer(t *testing.T) {
	addr := raw(t, "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", 0)
	var out, errs bytes.Buffer
	if code := guard(addr, time.Second, strings.NewReader("{}"), &out, &errs); code != 0 || out.Len() > 0 {
		t.Errorf("code %d, stdout %q, stderr %q", code, &out, &errs)
	}
}

// Whatever goes wrong, the command is refused: exit code 2, one line on stderr,
// and nothing on stdout that Codex could take for an answer.
func TestGuardFailsClosed(t *testing.T) {
	const ok = "HTTP/1.1 200 OK\r\n"
	yes := func() io.Reader { return strings.NewReader("{}") }
	cases := map[string]struct {
		addr  string
		stdin io.Reader
	}{
		"nobody listens":       {nobody(t), yes()},
		"no such host":         {"256.256.256.256:1", yes()},
		"no port":              {"127.0.0.1", yes()},
		"no answer":            {raw(t, "", 0), yes()},
		"an answer too late":   {raw(t, "", time.Second), yes()},
		"a head too late":      {raw(t, ok+"Content-Le", time.Second), yes()},
		"a body too late":      {raw(t, ok+"Content-Length: 2\r\n\r\n", time.Second), yes()},
		"refused":              {raw(t, "HTTP/1.1 403 Forbidden\r\nContent-Length: 2\r\n\r\n{}", 0), yes()},
		"created":              {raw(t, "HTTP/1.1 201 Created\r\nContent-Length: 2\r\n\r\n{}", 0), yes()},
		"an error":             {raw(t, "HTTP/1.1 500 Oops\r\nContent-Length: 2\r\n\r\n{}", 0), yes()},
		"a long status":        {raw(t, "HTTP/1.1 2000 OK\r\nContent-Length: 2\r\n\r\n{}", 0), yes()},
		"another protocol":     {raw(t, "SSH-2.0-x 200\r\n\r\n", 0), yes()},
		"garbage":              {raw(t, "\x00\x01\x02\r\n\r\n", 0), yes()},
		"an endless head":      {raw(t, ok+"X: "+strings.Repeat("x", 3<<20), 0), yes()},
		"endless headers":      {raw(t, ok+strings.Repeat("X: y\r\n", 1<<19), 0), yes()},
		"a body cut off":       {raw(t, ok+"Content-Length: 20\r\n\r\n{}", 0), yes()},
		"no length":            {raw(t, ok+"\r\n{}", 0), yes()},
		"two lengths":          {raw(t, ok+"Content-Length: 2\r\nContent-Length: 0\r\n\r\n{}", 0), yes()},
		"a negative length":    {raw(t, ok+"Content-Length: -1\r\n\r\n{}", 0), yes()},
		"an odd length":        {raw(t, ok+"Content-Length: 0x2\r\n\r\n{}", 0), yes()},
		"a huge length":        {raw(t, ok+"Content-Length: 99999999\r\n\r\n{}", 0), yes()},
		"chunks":               {raw(t, ok+"Transfer-Encoding: chunked\r\nContent-Length: 2\r\n\r\n{}", 0), yes()},
		"stdin fails":          {raw(t, ok+"Content-Length: 2\r\n\r\n{}", 0), iotest.ErrReader(errors.New("broken"))},
		"stdin never ends":     {raw(t, ok+"Content-Length: 2\r\n\r\n{}", 0), blocked(t)},
		"too large a question": {raw(t, ok+"Content-Length: 2\r\n\r\n{}", 0), io.LimitReader(zeros{}, maxQuestion+1)},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var out, errs bytes.Buffer
			code := guard(c.addr, 300*time.Millisecond, c.stdin, &out, &errs)
			refused(t, code, &out, &errs)
		})
	}
	t.Run("stdout is closed", func(t *testing.T) {
		var errs bytes.Buffer
		r, w := io.Pipe()
		_ = r.Close()
		code := guard(raw(t, ok+"Content-Length: 2\r\n\r\n{}", 0), time.Second, yes(), w, &errs)
		refused(t, code, &bytes.Buffer{}, &errs)
	})
	for _, args := range [][]string{{"guard"}, {"guard", "a", "b"}} {
		var out, errs bytes.Buffer
		if code := dispatch(args, yes(), &out, &errs); code != exitDenied || out.Len() > 0 || errs.Len() == 0 {
			t.Errorf("%v: code %d, stdout %q, stderr %q", args, code, &out, &errs)
		}
	}
}

func refused(t *testing.T, code int, out, errs *bytes.Buffer) {
	t.Helper()
	if code != 2 || out.Len() > 0 {
		t.Errorf("code %d, stdout %q; want 2 and nothing", code, out)
	}
	if line := errs.String(); strings.Count(line, "\n") != 1 || !strings.HasSuffix(line, "\n") || len(line) > 500 {
		t.Errorf("stderr is %q, want one line", line)
	}
}

// FuzzAnswer: what readAnswer takes is a 200 that holds exactly the body that
// net/http reads from it.
func FuzzAnswer(f *testing.F) {
	f.Add("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}")
	f.Add("HTTP/1.0 200 OK\r\nContent-Length: 0\r\n\r\n")
	f.Add("HTTP/1.1 403 no\r\nContent-Length: 2\r\n\r\n{}")
	f.Add("HTTP/1.1 200 OK\nContent-Length: 2\n\n{}")
	f.Fuzz(func(t *testing.T, answer string) {
		got, err := readAnswer(strings.NewReader(answer))
		if err != nil {
			return
		}
		if !strings.HasPrefix(answer, "HTTP/1.") || !strings.Contains(answer[:min(len(answer), 20)], " 200") {
			t.Fatalf("%q passed for a 200", answer)
		}
		if !strings.Contains(answer, string(got)) || len(got) > maxAnswer {
			t.Fatalf("%q gave the body %q", answer, got)
		}
	})
}

type zeros struct{}

func (zeros) Read(p []byte) (int, error) { clear(p); return len(p), nil }

// blocked is a reader that gives nothing until the test is over.
func blocked(t *testing.T) io.Reader {
	r, w := io.Pipe()
	t.Cleanup(func() { _ = w.Close() })
	return r
}
