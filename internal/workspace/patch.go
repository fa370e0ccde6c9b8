package workspace

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/codex-mcp-runner/codex-mcp-runner/internal/task"
)

// patchCeiling is the largest patch that we hold in memory, in bytes. Of a larger
// one Changes has the files alone.
const patchCeiling = 64 << 20

// describe says how a tree differs from the base. It sees objects only: no
// attribute of the worktree can hide or colour anything.
func (w *Workspace) describe(ctx context.Context, tree string, o CollectOptions, f *findings) (task.Changes, error) {
	raw, err := w.rawChanges(ctx, tree)
	if err != nil {
		return task.Changes{}, err
	}
	if len(raw) == 0 {
		return task.Changes{Applicable: true, ApplyLog: "Nothing has changed, so there is nothing to apply."}, nil
	}
	changes := task.Changes{Files: make([]task.Change, len(raw))}
	for i, c := range raw {
		changes.Files[i] = c.Change
	}
	if changes.Neighbours, err = w.neighbours(ctx, filepath.Join(w.layout.collect(), "index"), raw); err != nil {
		return task.Changes{}, err
	}

	sections, err := w.patchSections(ctx, tree, patchCeiling)
	if errors.Is(err, errOutputLimit) {
		f.add("patch-too-large", task.SeverityError,
			fmt.Sprintf("The patch is larger than %d bytes and has not been made.", patchCeiling), strconv.Itoa(len(raw))+" files")
		changes.ApplyLog = "There is no patch to apply: it would be too large."
		return changes, nil
	}
	if err != nil {
		return task.Changes{}, err
	}
	markBinary(changes.Files, sections)
	changes.Patch = bytes.Join(sections, nil)
	changes.Applicable, changes.ApplyLog, err = w.applyCheck(ctx, changes.Patch, tree)
	if err != nil {
		return task.Changes{}, err
	}
	return changes, nil
}

// rawChanges lists the changed paths, with the targets of symlinks.
func (w *Workspace) rawChanges(ctx context.Context, tree string) ([]rawChange, error) {
	out, err := w.plainGit(ctx, call{args: []string{
		"diff-tree", "-r", "-z", "--raw", "--numstat", "--no-abbrev", "-M", "--no-ext-diff", "--no-textconv", w.baseTree, tree,
	}})
	if err != nil {
		return nil, err
	}
	changes, err := parseDiff(out.stdout)
	if err != nil {
		return nil, err
	}
	return changes, w.readTargets(ctx, changes)
}

// readTargets fills in where the symlinks among the changes point.
func (w *Workspace) readTargets(ctx context.Context, changes []rawChange) error {
	var links []*rawChange
	var oids []string
	for i := range changes {
		if changes[i].NewMode == modeSymlink {
			links = append(links, &changes[i])
			oids = append(oids, changes[i].newOID)
		}
	}
	targets, err := w.linkTargets(ctx, oids)
	if err != nil {
		return err
	}
	for i, target := range targets {
		links[i].LinkTarget = target
	}
	return nil
}

// patchSections is the patch, one section for each "diff --git" line. A patch
// travels in JSON, so all of it must be UTF-8: git quotes names, and a section
// whose content is something else is a binary patch instead.
func (w *Workspace) patchSections(ctx context.Context, tree string, ceiling int64) ([][]byte, error) {
	patch, err := w.diff(ctx, tree, os.DevNull, ceiling)
	if err != nil {
		return nil, err
	}
	sections := splitPatch(patch)
	if utf8.Valid(patch) {
		return sections, nil
	}
	attributes := filepath.Join(w.layout.plain(), "all-binary")
	if err := os.WriteFile(attributes, []byte("* -diff\n"), 0o600); err != nil {
		return nil, err
	}
	if patch, err = w.diff(ctx, tree, attributes, ceiling); err != nil {
		return nil, err
	}
	binary := splitPatch(patch)
	if len(binary) != len(sections) {
		return nil, fmt.Errorf("make patch: %d sections as text, %d as binary", len(sections), len(binary))
	}
	for i, section := range sections {
		if !utf8.Valid(section) {
			sections[i] = binary[i]
		}
	}
	return sections, nil
}

func (w *Workspace) diff(ctx context.Context, tree, attributes string, ceiling int64) ([]byte, error) {
	out, err := w.plainGit(ctx, call{
		env:   configEnv([][2]string{{"core.attributesFile", attributes}}),
		limit: ceiling,
		args: []string{
			"diff-tree", "-r", "-p", "--binary", "--full-index", "-M", "--no-ext-diff", "--no-textconv", "--no-color",
			"--src-prefix=a/", "--dst-prefix=b/", w.baseTree, tree,
		},
	})
	return out.stdout, err
}

// splitPatch cuts a patch before every "diff --git" line. No line of content
// begins like that: text has ' ', '+', '-' or '\' in front, and the lines of a
// binary patch have no spaces.
func splitPatch(patch []byte) [][]byte {
	header := []byte("\ndiff --git ")
	var sections [][]byte
	for len(patch) > 0 {
		end := len(patch)
		if i := bytes.Index(patch, header); i >= 0 {
			end = i + 1
		}
		sections = append(sections, patch[:end:end])
		patch = patch[end:]
	}
	return sections
}

// markBinary notes which files have a binary patch. A change of type is a
// section for what goes and one for what comes.
func markBinary(files []task.Change, sections [][]byte) {
	for i := range files {
		n := 1
		if files[i].Kind == task.TypeChanged {
			n = 2
		}
		if len(sections) < n {
			return
		}
		for _, section := range sections[:n] {
			if bytes.Contains(section, []byte("\nGIT binary patch\n")) {
				files[i].Binary = true
			}
		}
		sections = sections[n:]
	}
}

// applyCheck applies the patch to the base, in an index of its own, and
// compares the outcome with the tree that was collected.
func (w *Workspace) applyCheck(ctx context.Context, patch []byte, tree string) (ok bool, log string, err error) {
	index := filepath.Join(w.layout.collect(), "apply-index")
	if err := w.readBase(ctx, index); err != nil {
		return false, "", err
	}
	env := []string{"GIT_INDEX_FILE=" + index}
	_, err = w.plainGit(ctx, call{
		env: env, args: []string{"apply", "--cached", "--whitespace=nowarn", "-"}, stdin: bytes.NewReader(patch),
	})
	var ge *gitError
	if errors.As(err, &ge) {
		return false, "git apply --cached refused the patch: " + brief(ge.stderr), nil
	}
	if err != nil {
		return false, "", err
	}
	out, err := w.plainGit(ctx, call{env: env, args: []string{"write-tree", "--missing-ok"}})
	if err != nil {
		return false, "", err
	}
	got := strings.TrimSpace(string(out.stdout))
	if got != tree {
		return false, fmt.Sprintf("The patch applies to %s, but gives tree %s instead of %s.", w.commit, got, tree), nil
	}
	return true, fmt.Sprintf("git apply --cached took the patch on %s; the result is tree %s, as collected.", w.commit, got), nil
}
