package sandbox

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/codex-mcp-runner/codex-mcp-runner/internal/task"
)

func TestEndpoint(t *testing.T) {
	dir := t.TempDir()
	context := func(name, meta string) {
		sum := sha256.Sum256([]byte(name))
		d := filepath.Join(dir, "contexts", "meta", hex.EncodeToString(sum[:]))
		if err := errors.Join(os.MkdirAll(d, 0o755), os.WriteFile(filepath.Join(d, "meta.json"), []byte(meta), 0o644)); err != nil {
			t.Fatal(err)
		}
	}
	context("desktop", `{"Name":"desktop","Endpoints":{"docker":{"Host":"unix:///home/u/docker.sock"}}}`)
	context("other", `{"Endpoints":{"docker":{"Host":"unix:///other.sock"}}}`)
	context("empty", `{"Endpoints":{}}`)
	if err := os.WriteFile(filepath.Join(dir, "config.json"), []byte(`{"currentContext":"desktop","auths":{}}`), 0o644); err != nil {
		t.Fatal(err)
	}
	cases := map[string]struct {
		env  map[string]string
		want string // empty: an error
	}{
		"the context in use":       {map[string]string{"DOCKER_CONFIG": dir}, "unix:///home/u/docker.sock"},
		"a context by environment": {map[string]string{"DOCKER_CONFIG": dir, "DOCKER_CONTEXT": "other"}, "unix:///other.sock"},
		"the default context":      {map[string]string{"DOCKER_CONFIG": dir, "DOCKER_CONTEXT": "default"}, "unix:///var/run/docker.sock"},
		"DOCKER_HOST wins":         {map[string]string{"DOCKER_CONFIG": dir, "DOCKER_HOST": "tcp://h:1"}, "tcp://h:1"},
		"no configuration":         {map[string]string{"DOCKER_CONFIG": filepath.Join(dir, "none")}, "unix:///var/run/docker.sock"},
		"a context that is gone":   {map[string]string{"DOCKER_CONFIG": dir, "DOCKER_CONTEXT": "gone"}, ""},
		"a context without a host": {map[string]string{"DOCKER_CONFIG": dir, "DOCKER_CONTEXT": "empty"}, ""},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			got, err := endpoint(func(name string) string { return c.env[name] })
			if got != c.want || (err != nil) != (c.want == "") {
				t.Errorf("got %q, %v, want %q", got, err, c.want)
			}
		})
	}
}

// fakeEngine answers on a socket as an engine might; the cases below are ones
// that the engine of the integration tests cannot be brought into.
func fakeEngine(t *testing.T, info string) {
	t.Helper()
	socket := filepath.Join(t.TempDir(), "s")
	l, err := net.Listen("unix", socket)
	if err != nil {
		t.Fatal(err)
	}
	srv := &http.Server{ReadHeaderTimeout: time.Second, Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		api := "1.47"
		if strings.Contains(info, "old engine") {
			api = "1.40"
		}
		w.Header().Set("Api-Version", api)
		w.Header().Set("Content-Type", "application/json")
		switch {
		case strings.HasSuffix(r.URL.Path, "/info"):
			_, _ = w.Write([]byte(info))
		case strings.Contains(r.URL.Path, "/images/"):
			_, _ = w.Write([]byte(`{"Id":"sha256:1","Os":"linux","Architecture":"arm64","Config":{}}`))
		}
	})}
	done := make(chan struct{})
	go func() { defer close(done); _ = srv.Serve(l) }()
	t.Cleanup(func() { _ = srv.Close(); <-done })
	t.Setenv("DOCKER_HOST", "unix://"+socket)
}

func refusal(t *testing.T) *task.Refusal {
	t.Helper()
	e, err := Open(Options{RunnerImage: "runner", StateDir: t.TempDir()})
	if err != nil {
		t.Fatal(err)
	}
	err = e.Check(t.Context(), "", "")
	var r *task.Refusal
	if !errors.As(err, &r) || r.What == "" || r.Mend == "" {
		t.Fatalf("Check returned %v, want a refusal", err)
	}
	if _, runErr := e.Run(t.Context(), example().Container, task.Streams{}); runErr == nil || runErr.Error() != err.Error() {
		t.Errorf("Run returned %v, want what Check did", runErr)
	}
	return r
}

func TestEnginesThatCannotBeUsed(t *testing.T) {
	const good = `"OSType":"linux","Architecture":"x86_64","MemoryLimit":true,"PidsLimit":true,"CpuCfsQuota":true`
	cases := map[string]struct{ info, want string }{
		"windows":           {`{"OSType":"windows"}`, "Linux containers"},
		"rootless":          {`{` + good + `,"SecurityOptions":["name=seccomp,profile=default","name=rootless"]}`, "rootless"},
		"remapped":          {`{` + good + `,"SecurityOptions":["name=userns"]}`, "userns-remap"},
		"no memory limit":   {`{` + strings.Replace(good, `"MemoryLimit":true`, `"MemoryLimit":false`, 1) + `}`, "memory"},
		"no pids limit":     {`{` + strings.Replace(good, `"PidsLimit":true`, `"PidsLimit":false`, 1) + `}`, "pids"},
		"old":               {`{"ServerVersion":"old engine",` + good + `}`, "20.10"},
		"wrong image":       {`{` + good + `}`, "linux/arm64"},
		"unexpected answer": {`{}`, "Linux containers"},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			fakeEngine(t, c.info)
			if r := refusal(t); !strings.Contains(r.What+r.Mend, c.want) {
				t.Errorf("refusal is %q, want one with %q", r, c.want)
			}
		})
	}
}

func TestEngineThatIsNotThere(t *testing.T) {
	socket := filepath.Join(t.TempDir(), "none.sock")
	t.Setenv("DOCKER_HOST", "unix://"+socket)
	if r := refusal(t); !strings.Contains(r.What, socket) || !strings.Contains(r.Mend, "Start Docker") {
		t.Errorf("refusal is %q", r)
	}
	t.Setenv("DOCKER_HOST", "tcp://127.0.0.1:1")
	if r := refusal(t); !strings.Contains(r.What, "127.0.0.1:1") {
		t.Errorf("refusal is %q", r)
	}
}

func TestForbiddenSocket(t *testing.T) {
	e := &Engine{endpoint: "unix:///var/run/docker.sock"}
	// As the client wraps it; root, who may run this, is never forbidden.
	err := fmt.Errorf("error during connect: %w", &net.OpError{Op: "dial", Err: os.NewSyscallError("connect", syscall.EACCES)})
	var r *task.Refusal
	if got := e.refuse("ask", err); !errors.As(got, &r) || !strings.Contains(r.Mend, "docker group") {
		t.Errorf("got %v, want a refusal that names the docker group", got)
	}
}

func TestOwner(t *testing.T) {
	self, err := Self()
	if err != nil {
		t.Fatal(err)
	}
	if self.Host == "" || self.PID != os.Getpid() || !OwnerAlive(self) {
		t.Errorf("Self is %+v, alive %t", self, OwnerAlive(self))
	}
	if again, _ := Self(); again != self {
		t.Errorf("Self is %+v, then %+v", self, again)
	}
	if got, ok := ownerOf(self.labels()); !ok || got != self {
		t.Errorf("labels give %+v, %t", got, ok)
	}
	if _, ok := ownerOf(map[string]string{labelHost: "x"}); ok {
		t.Error("half a label is an owner")
	}
	reborn, gone, foreign := self, self, self
	reborn.Start += "0"
	gone.PID = 1 << 30
	foreign.Host = "elsewhere"
	foreign.PID = 1 << 30
	if OwnerAlive(reborn) {
		t.Error("another process with the same pid passes for the owner")
	}
	if OwnerAlive(gone) {
		t.Error("a process that is not there is alive")
	}
	if !OwnerAlive(foreign) {
		t.Error("an owner that we cannot see is judged dead")
	}
	for _, start := range []string{"boot-123", "123.456", ""} {
		o := Owner{Host: "h", PID: 7, Start: start}
		e := &Engine{opts: Options{Owner: o, StateDir: t.TempDir()}}
		d, err := e.newFilesDir()
		if err != nil {
			t.Fatal(err)
		}
		if got, ok := filesOwner(filepath.Base(d.dir)); !ok || got != o {
			t.Errorf("the name %s gives %+v, %t", d.dir, got, ok)
		}
	}
}
