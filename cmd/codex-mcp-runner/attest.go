package main

import (
	"fmt"
	"io/fs"
	"time"

	"github.com/codex-mcp-runner/codex-mcp-runner/internal/attest"
	"github.com/codex-mcp-runner/codex-mcp-runner/internal/codex"
	"github.com/codex-mcp-runner/codex-mcp-runner/internal/journal"
	"github.com/codex-mcp-runner/codex-mcp-runner/internal/task"
	"github.com/codex-mcp-runner/codex-mcp-runner/policies"
)

// attester signs what came of tasks.
type attester struct {
	signer   *attest.Signer
	policies []attest.Resource
}

// newAttester opens this account's key, which it makes on first use.
func newAttester(getenv func(string) string) (attester, error) {
	root, err := journal.Root(getenv)
	if err != nil {
		return attester{}, err
	}
	rules, err := describePolicies()
	if err != nil {
		return attester{}, err
	}
	signer, err := attest.OpenSigner(root)
	return attester{signer, rules}, err
}

// attest gives the content of task.FileAttestation for a task of a run that began at
// base. The task counts as finished now.
func (a attester) attest(base string, ev task.Evidence, v task.Verdict, start string, patch []byte, started time.Time) ([]byte, error) {
	return a.signer.Sign(attest.Outcome{
		Spec:          ev.Spec,
		Started:       started,
		Finished:      time.Now(),
		BaseCommit:    base,
		StartCommit:   start,
		ImageID:       ev.Exit.ImageID,
		Policies:      a.policies,
		RunnerVersion: version(),
		CodexVersion:  codex.Version,
		Verdict:       v,
		Patch:         patch,
	})
}

// describePolicies names the policy files in this binary, so that sha256sum on
// the source gives the same digests.
func describePolicies() (described []attest.Resource, err error) {
	err = fs.WalkDir(policies.Files(), ".", func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		b, err := fs.ReadFile(policies.Files(), name)
		if err != nil {
			return fmt.Errorf("read policy: %w", err)
		}
		described = append(described, attest.Describe("policies/"+name, b))
		return nil
	})
	return described, err
}
