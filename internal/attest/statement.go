package attest

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/codex-mcp-runner/codex-mcp-runner/internal/task"
)

// The names that a statement of ours bears.
const (
	// StatementType is in-toto's, see spec/v1/statement.md in in-toto/attestation.
	StatementType = "https://in-toto.io/Statement/v1"
	// PredicateType is ours. Readers are strict, so a new field is a new version.
	PredicateType = "https://github.com/codex-mcp-runner/codex-mcp-runner/attestation/task-outcome/v1"
	// SubjectName is the patch's name in the journal.
	SubjectName = task.FilePatch
)

// Outcome is what to attest about one task.
type Outcome struct {
	// Spec names the run and the task; its digest goes into the statement.
	Spec task.Spec
	// Started is when the task left the queue, Finished when its verdict stood.
	Started, Finished time.Time
	// BaseCommit is what the run started from, StartCommit what the patch applies
	// to: the same, or for a task with dependencies a commit that has their patches.
	BaseCommit, StartCommit string
	// ImageID is the engine's id of the image, "sha256:..."; empty if no container ran.
	ImageID string
	// Policies are the rules that were in force, one for each file.
	Policies []Resource
	// RunnerVersion is that of the program that judged, CodexVersion of the Codex
	// that it is made for.
	RunnerVersion, CodexVersion string
	Verdict                     task.Verdict
	// Patch is what is in the journal, byte for byte; empty if nothing changed.
	Patch []byte
}

// Statement is an in-toto Statement v1.
type Statement struct {
	Type          string     `json:"_type"`
	Subject       []Resource `json:"subject"`
	PredicateType string     `json:"predicateType"`
	Predicate     Predicate  `json:"predicate"`
}

// Resource is as much of an in-toto ResourceDescriptor as we use. Digest is by
// algorithm, as in-toto names them, in lower-case hexadecimal.
type Resource struct {
	Name   string            `json:"name,omitempty"`
	Digest map[string]string `json:"digest"`
}

// Predicate is how a task came to its patch and what was thought of it.
type Predicate struct {
	// RunnerVersion says which program judged; the envelope's key, whose.
	RunnerVersion string `json:"runnerVersion"`

	RunID  string `json:"runId"`
	TaskID string `json:"taskId"`
	// StartedOn and FinishedOn are UTC, to the millisecond, by our clock.
	StartedOn  time.Time `json:"startedOn"`
	FinishedOn time.Time `json:"finishedOn"`
	// Base and Start have a gitCommit digest each.
	Base  Resource `json:"base"`
	Start Resource `json:"start"`
	// Image is nil if no container ran.
	Image *Resource `json:"image,omitempty"`
	// Spec has the digest of the spec as compact JSON, see SpecDigest.
	Spec     Resource   `json:"spec"`
	Policies []Resource `json:"policies"`
	// CodexVersion is the one that the runner is made for; Image says what ran.
	CodexVersion string           `json:"codexVersion"`
	Status       task.Status      `json:"status"`
	FailureKind  task.FailureKind `json:"failureKind,omitempty"`
	// Findings are the rules that had something to say, sorted, each once.
	Findings []string `json:"findings"`
}

// Describe names content by its SHA-256.
func Describe(name string, content []byte) Resource {
	sum := sha256.Sum256(content)
	return Resource{Name: name, Digest: map[string]string{"sha256": hex.EncodeToString(sum[:])}}
}

// SpecDigest is the digest of a spec that is stored as JSON, whatever its
// indentation. It goes by the text and not by task.Spec, so that a later version
// with more fields still knows what this one signed.
func SpecDigest(stored json.RawMessage) (string, error) {
	var b bytes.Buffer
	if err := json.Compact(&b, stored); err != nil {
		return "", fmt.Errorf("digest a stored spec: %w", err)
	}
	return Describe("", b.Bytes()).Digest["sha256"], nil
}

// Rules are the rules of findings as a Predicate has them.
func Rules(findings []task.Finding) []string {
	rules := make([]string, 0, len(findings))
	for _, f := range findings {
		rules = append(rules, f.Rule)
	}
	slices.Sort(rules)
	return slices.Compact(rules)
}

func (o Outcome) statement() (Statement, error) {
	spec, err := json.Marshal(o.Spec)
	if err != nil {
		return Statement{}, fmt.Errorf("encode the spec of task %s: %w", o.Spec.ID, err)
	}
	p := Predicate{
		RunnerVersion: o.RunnerVersion,

		RunID:        o.Spec.RunID,
		TaskID:       o.Spec.ID,
		StartedOn:    o.Started.UTC().Truncate(time.Millisecond),
		FinishedOn:   o.Finished.UTC().Truncate(time.Millisecond),
		Base:         Resource{Digest: map[string]string{"gitCommit": o.BaseCommit}},
		Start:        Resource{Digest: map[string]string{"gitCommit": o.StartCommit}},
		Spec:         Describe("spec", spec),
		Policies:     append([]Resource{}, o.Policies...),
		CodexVersion: o.CodexVersion,
		Status:       o.Verdict.Status,
		Findings:     Rules(o.Verdict.Findings),
	}
	if o.ImageID != "" {
		// Engines other than Docker leave out the algorithm; it is always this one.
		p.Image = &Resource{Digest: map[string]string{"sha256": strings.TrimPrefix(o.ImageID, "sha256:")}}
	}
	if o.Verdict.Failure != nil {
		p.FailureKind = o.Verdict.Failure.Kind
	}
	return Statement{
		Type: StatementType, PredicateType: PredicateType,
		Subject: []Resource{Describe(SubjectName, o.Patch)}, Predicate: p,
	}, nil
}

// encode gives the one form of a value, which decode insists on. The detour is
// for strings that are not UTF-8: they become U+FFFD, which Go writes in one way
// where it replaced a byte and in another where it was there before.
func encode[T any](v T) ([]byte, error) {
	b, err := json.Marshal(v)
	if err != nil {
		return nil, err
	}
	var again T
	if err := json.Unmarshal(b, &again); err != nil {
		return nil, err
	}
	return json.Marshal(again)
}

// decode takes nothing but what encode gives. So it refuses, without a rule for
// each, duplicate and unknown keys, keys in another case, blanks, trailing data,
// and base64 with line ends or stray bits: whatever another reader could
// understand otherwise.
func decode[T any](b []byte) (v T, err error) {
	if err := json.Unmarshal(b, &v); err != nil {
		return v, err
	}
	again, err := json.Marshal(v)
	if err != nil {
		return v, err
	}
	if !bytes.Equal(again, b) {
		return v, errors.New("not in the form in which it is written")
	}
	return v, nil
}
