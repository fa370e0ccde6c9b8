package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// What somebody can do to a journal without the key.
func TestVerifyFindsWhatWasChanged(t *testing.T) {
	edit := func(name, old, repl string) func(t *testing.T, dir string) {
		return func(t *testing.T, dir string) {
			t.Helper()
			b, err := os.ReadFile(filepath.Join(dir, name))
			if err != nil {
				t.Fatal(err)
			}
			changed := bytes.Replace(b, []byte(old), []byte(repl), 1)
			if bytes.Equal(b, changed) {
				t.Fatalf("%s has no %q:\n%s", name, old, b)
			}
			if err := os.WriteFile(filepath.Join(dir, name), changed, 0o600); err != nil {
				t.Fatal(err)
			}
		}
	}
	do := func(f func(dir string) error) func(*testing.T, string) {
		return func(t *testing.T, dir string) {
			t.Helper()
			if err := f(dir); err != nil {
				t.Fatal(err)
			}
		}
	}
	remove := func(name string) func(*testing.T, string) {
		return do(func(dir string) error { return os.Remove(filepath.Join(dir, name)) })
	}
	write := func(name, text string) func(*testing.T, string) {
		return do(func(dir string) error { return os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600) })
	}
	move := func(from, to string) func(*testing.T, string) {
		return do(func(dir string) error {
			b, err := os.ReadFile(filepath.Join(dir, from))
			return errors.Join(err, os.WriteFile(filepath.Join(dir, to), b, 0o600))
		})
	}
	p := newPast(t)
	dir := p.good(t).Path("")
	restore := restorer(t, dir)
	for name, c := range map[string]struct {
		change func(t *testing.T, dir string)
		want   string // in the line of the task
	}{
		"a byte of the patch":            {edit("tasks/fix/task.patch", "diff", "Diff"), "fix WRONG the patch is not the one that was attested"},
		"the patch is gone":              {remove("tasks/fix/task.patch"), "fix WRONG task.patch is missing"},
		"the patch is empty":             {write("tasks/fix/task.patch", ""), "fix WRONG the patch is not the one"},
		"a patch where there was none":   {write("tasks/nothing-changed/task.patch", "x"), "nothing-changed WRONG the patch is not the one"},
		"the patch is a link":            {do(func(d string) error { return linkPatch(filepath.Join(d, "tasks/fix/task.patch")) }), "fix WRONG read task.patch from the journal: it is no regular file"},
		"a patch of a task that broke":   {do(func(d string) error { return plant(d, "broken", "task.patch") }), "broken WRONG there is a patch and no attestation of it"},
		"a result of a skipped task":     {do(func(d string) error { return plant(d, "never", "result.json") }), "never WRONG there is a result and no attestation of it"},
		"the attestation is gone":        {remove("tasks/fix/attestation.json"), "fix WRONG there is a patch and no attestation of it"},
		"the attestation and the patch":  {do(func(d string) error { return os.RemoveAll(filepath.Join(d, "tasks/fix")) }), "fix WRONG the run says success and there is no attestation"},
		"the attestation is edited":      {edit("tasks/fix/attestation.json", `"sig":"`, `"sig": "`), "fix WRONG the attestation is malformed"},
		"another signature":              {edit("tasks/fix/attestation.json", `"payload":"eyJ`, `"payload":"eyI`), "fix WRONG the attestation's signature is wrong"},
		"another key":                    {edit("tasks/fix/attestation.json", `"keyid":"`, `"keyid":"0`), "fix WRONG the attestation was signed with another key"},
		"another task's attestation":     {move("tasks/nothing-changed/attestation.json", "tasks/slow/attestation.json"), "slow WRONG the attestation is of task nothing-changed in run r1"},
		"failed becomes success":         {edit("tasks/bad-path/result.json", `"status":"failed"`, `"status":"success"`), "bad-path WRONG result.json says success, attested is failed"},
		"another kind of failure":        {edit("tasks/bad-path/result.json", `"kind":"rule"`, `"kind":"codex"`), `bad-path WRONG result.json has the failure "codex", attested is "rule"`},
		"a finding less":                 {edit("tasks/bad-path/result.json", `{"rule":"path-not-allowed","severity":"","detail":""}`, ``), `bad-path WRONG result.json has findings of [], attested are ["path-not-allowed"]`},
		"a result of another task":       {move("tasks/nothing-changed/result.json", "tasks/fix/result.json"), "fix WRONG result.json is about task nothing-changed"},
		"the task's result is gone":      {remove("tasks/fix/result.json"), "fix WRONG result.json is missing"},
		"the task's result is no result": {write("tasks/fix/result.json", "[]"), "fix WRONG result.json cannot be read"},
		"success in the run's result":    {edit("result.json", `"status": "failed"`, `"status": "success"`), "bad-path WRONG the run's result.json says success, attested is failed"},
		"left out of the run's result":   {edit("result.json", `"task_id": "fix"`, `"task_id": "other"`), "fix WRONG the run's result.json leaves it out"},
		"added to the run's result":      {edit("result.json", `"task_id": "fix"`, `"task_id": "other"`), "other WRONG it is no task of this run's plan"},
		"twice in the run's result":      {edit("result.json", `"task_id": "never"`, `"task_id": "fix"`), "fix WRONG the run's result.json has it twice"},
		"another base":                   {edit("run.json", commit, strings.ToUpper(commit)), "fix WRONG run.json has the base commit 0123456789ABCDEF"},
		"wider rules in the plan":        {edit("run.json", `"src/**"`, `"**"`), "fix WRONG the spec in run.json is not the one that was attested"},
		"a task that was not planned":    {do(func(d string) error { return plant(d, "extra", "task.patch") }), "extra WRONG it is no task of this run's plan"},
		"a task with a path for an id":   {edit("run.json", `"task_id": "fix"`, `"task_id": "../../r1/tasks/fix"`), `../../r1/tasks/fix WRONG find task "../../r1/tasks/fix"`},
		"a task planned twice":           {edit("run.json", `"task_id": "slow"`, `"task_id": "fix"`), "fix WRONG the plan has it twice"},
		"a name that moves the cursor":   {do(func(d string) error { return plant(d, "\x1b[2Jfix", "task.patch") }), `\x1b[2Jfix WRONG it is no task`},
		"a status that does":             {edit("tasks/fix/result.json", `"status":"success"`, `"status":"\u001b[2J"`), `fix WRONG result.json says \x1b[2J, attested is success`},
	} {
		t.Run(name, func(t *testing.T) {
			restore()
			c.change(t, dir)
			out, code, err := p.run(t, "verify")
			line := ""
			for l := range strings.Lines(out) {
				if l := strings.Join(strings.Fields(l), " "); strings.HasPrefix(l, c.want) {
					line = l
				}
			}
			if line == "" || code != exitFault {
				t.Errorf("code %d, %v, want 1 and %q\n%s", code, err, c.want, out)
			}
			if strings.ContainsRune(out+err.Error(), '\x1b') {
				t.Errorf("raw text got through: %q", out)
			}
			asJSON, code, _ := p.run(t, "verify", "--json")
			var got runCheck
			if err := json.Unmarshal([]byte(asJSON), &got); err != nil || got.OK || code != exitFault {
				t.Errorf("as JSON: code %d, %v\n%s", code, err, asJSON)
			}
		})
	}
}

func plant(run, id, name string) error {
	dir := filepath.Join(run, "tasks", id)
	return errors.Join(os.MkdirAll(dir, 0o700), os.WriteFile(filepath.Join(dir, name), []byte("{}"), 0o600))
}

func linkPatch(path string) error {
	return errors.Join(os.Rename(path, path+".real"), os.Symlink(path+".real", path))
}

func TestVerifyTakesNoRunForAnother(t *testing.T) {
	p := newPast(t)
	p.keep(t, "r1", time.Unix(1, 0), ended{id: "fix", verdict: succeeded, patch: "same"})
	p.keep(t, "r2", time.Unix(2, 0), ended{id: "fix", verdict: ruledOut, patch: "same"})
	if err := os.RemoveAll(filepath.Join(p.runs, "r2", "tasks")); err != nil {
		t.Fatal(err)
	}
	if err := os.CopyFS(filepath.Join(p.runs, "r2", "tasks"), os.DirFS(filepath.Join(p.runs, "r1", "tasks"))); err != nil {
		t.Fatal(err)
	}
	out, code, _ := p.run(t, "verify", "r2")
	if code != exitFault || !strings.Contains(out, "the attestation is of task fix in run r1") {
		t.Errorf("code %d\n%s", code, out)
	}
	if out, code, _ := p.run(t, "verify", "r1"); code != exitOK {
		t.Errorf("code %d\n%s", code, out)
	}
}
