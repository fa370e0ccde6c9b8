package sandbox

import (
	"errors"
	"fmt"
	"log/slog"
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/codex-mcp-runner/codex-mcp-runner/images"
	"github.com/codex-mcp-runner/codex-mcp-runner/internal/task"
)

// What engine 20.10 prints for a build that fails in its fourth step.
const failedBuild = `{"stream":"Step 1/5 : FROM debian AS base"}
{"stream":"\n"}
{"stream":" ---\u003e 21c829344d51\n"}
{"stream":"Step 2/5 : COPY certs/ /usr/local/share/ca-certificates/"}
{"stream":"\n"}
{"stream":" ---\u003e Using cache\n"}
{"stream":" ---\u003e 252909802341\n"}
{"stream":"Step 3/5 : ENV A=1"}
{"stream":"\n"}
{"stream":" ---\u003e Running in d0accb084ff1\n"}
{"stream":"Removing intermediate container d0accb084ff1\n"}
{"stream":" ---\u003e 6dc8cdb35be3\n"}
{"stream":"Step 4/5 : RUN npm pack\n"}
{"stream":" ---\u003e Running in aaaaaaaaaaaa\n"}
{"stream":"\u001b[91mnpm says"}
{"stream":"\u001b[0m no\u0007\u001b[2J\n"}
{"errorDetail":{"code":1,"message":"The command returned a non-zero code: 1"},"error":"The command returned a non-zero code: 1"}
`

func TestAFailedBuildTellsTheStepAndItsLastWords(t *testing.T) {
	var said strings.Builder
	s := &steps{log: slog.New(slog.DiscardHandler), say: func(f string, a ...any) { fmt.Fprintf(&said, f+"\n", a...) }}
	err := readStream(strings.NewReader(failedBuild), s.line)
	if err == nil {
		t.Fatal("the error in the stream is lost")
	}
	err = s.wrap(err)
	for _, want := range []string{"step 4/5 (RUN npm pack)", "non-zero code: 1", "npm says no"} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("%q is not in: %v", want, err)
		}
	}
	if strings.ContainsAny(err.Error(), "\x1b\a") || strings.Contains(err.Error(), "Running in") {
		t.Errorf("the error is no plain text: %q", err)
	}
	// Only what this build has made may be removed: not the base, not the cache.
	if d := cmp.Diff([]string{"6dc8cdb35be3"}, s.made); d != "" {
		t.Error(d)
	}
	want := "  2/5 COPY certs/ /usr/local/share/ca-certificates/\n  4/5 RUN npm pack\n"
	if d := cmp.Diff(want, said.String()); d != "" {
		t.Error(d)
	}
}

func TestReadStreamNeedsAWholeAnswer(t *testing.T) {
	if err := readStream(strings.NewReader(`{"stream":"Step`), nil); err == nil {
		t.Error("a cut answer passes for a whole one")
	}
	if err := readStream(strings.NewReader(`{"status":"Pulling"}{"status":"Done"}`), nil); err != nil {
		t.Error(err)
	}
}

func TestProxyVariablesBecomeArguments(t *testing.T) {
	tests := map[string]struct {
		env     map[string]string
		want    map[string]string
		network string
	}{
		"none": {},
		"one spelling serves both": {
			env:  map[string]string{"HTTPS_PROXY": "http://proxy.test:3128", "no_proxy": "127.0.0.1"},
			want: map[string]string{"https_proxy": "http://proxy.test:3128", "HTTPS_PROXY": "http://proxy.test:3128", "no_proxy": "127.0.0.1", "NO_PROXY": "127.0.0.1"},
		},
		"the host's loopback": {
			env:     map[string]string{"http_proxy": "http://127.0.0.1:3128"},
			want:    map[string]string{"http_proxy": "http://127.0.0.1:3128", "HTTP_PROXY": "http://127.0.0.1:3128"},
			network: "host",
		},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			args, network := proxyArgs(func(k string) string { return tt.env[k] })
			got := map[string]string{}
			for k, v := range args {
				got[k] = *v
			}
			if tt.want == nil {
				tt.want = map[string]string{}
			}
			if d := cmp.Diff(tt.want, got); d != "" {
				t.Error(d)
			}
			if network != tt.network {
				t.Errorf("network %q, want %q", network, tt.network)
			}
		})
	}
}

func TestRunnerTagNamesVersionAndRecipe(t *testing.T) {
	form := regexp.MustCompile(`^codex-mcp-runner/runner:codex-[0-9.]+-[0-9a-f]{12}$`)
	if !form.MatchString(RunnerTag()) || !strings.Contains(RunnerTag(), images.CodexVersion()) {
		t.Errorf("the tag is %q", RunnerTag())
	}
	if runnerTag("9.9.9") == RunnerTag() {
		t.Error("the tag does not depend on the version")
	}
}

func TestAVersionIsNoPlaceForOtherThings(t *testing.T) {
	for _, v := range []string{"latest", "1.2", "1.2.3; rm -rf /", "npm:evil@1.2.3", "1.2.3 --registry=x"} {
		_, err := new(Engine).Build(t.Context(), BuildOptions{CodexVersion: v})
		var r *task.Refusal
		if !errors.As(err, &r) {
			t.Errorf("%q: got %v, want a refusal", v, err)
		}
	}
}
