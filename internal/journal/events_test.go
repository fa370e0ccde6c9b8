package journal_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"os"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/codex-mcp-runner/codex-mcp-runner/internal/journal"
	"github.com/codex-mcp-runner/codex-mcp-runner/internal/task"
)

// logOf begins a run of the tasks a and b and opens its log.
func logOf(t *testing.T) (*journal.Journal, *journal.Run, *journal.EventLog) {
	t.Helper()
	j, _ := open(t)
	run, err := j.Begin(task.Plan{RunID: "r", Tasks: []task.Spec{{ID: "a"}, {ID: "b"}}}, "abc", time.Now())
	if err != nil {
		t.Fatal(err)
	}
	log, err := run.Events()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = run.Finish(task.RunResult{}) })
	return j, run, log
}

func load(t *testing.T, j *journal.Journal, id string) *journal.Saved {
	t.Helper()
	saved, err := j.Load(id)
	if err != nil {
		t.Fatal(err)
	}
	return saved
}

func events(t *testing.T, j *journal.Journal) []task.Event {
	t.Helper()
	all, total, err := load(t, j, "r").Events(0, 0)
	if err != nil {
		t.Fatal(err)
	}
	if total != int64(len(all)) {
		t.Errorf("%d events, and a total of %d", len(all), total)
	}
	for i, e := range all {
		if e.N != int64(i+1) {
			t.Fatalf("event %d has number %d", i+1, e.N)
		}
	}
	return all
}

func snapshot(a, b task.TaskProgress) task.Progress {
	a.ID, b.ID = "a", "b"
	return task.Progress{RunID: "r", Tasks: []task.TaskProgress{a, b}}
}

var queued = task.TaskProgress{State: task.Queued}

// Whatever is posted, in whatever rhythm, the log's events give the last
// snapshot half a second later, and never more than two of a second about one
// task in one state.
func TestTheEventsGiveTheLastSnapshot(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		j, _, log := logOf(t)
		r := rand.New(rand.NewPCG(1, 2))
		states := []task.State{task.Queued, task.Preparing, task.Running, task.Running, task.Running, task.Checking, task.Done}
		random := func() task.TaskProgress {
			return task.TaskProgress{
				State: states[r.IntN(len(states))], Activity: fmt.Sprint("step ", r.IntN(3)),
				StartedAt: time.Now(), Usage: task.Usage{InputTokens: r.Int64N(3)},
			}
		}
		for range 50 {
			var last task.Progress
			for range r.IntN(20) {
				last = snapshot(random(), random())
				log.Post(last)
				time.Sleep(time.Duration(r.IntN(300)) * time.Millisecond)
			}
			time.Sleep(time.Second)
			synctest.Wait()
			got, err := load(t, j, "r").Progress()
			if err != nil {
				t.Fatal(err)
			}
			for i := range last.Tasks {
				if diff := cmp.Diff(last.Tasks[i], got.Tasks[i]); diff != "" {
					t.Fatalf("posted (-) and read (+):\n%s", diff)
				}
			}
		}
		last := map[string]task.Event{}
		for _, e := range events(t, j) {
			before, known := last[e.Task.ID]
			if known && before.Task == e.Task {
				t.Errorf("event %d says nothing new", e.N)
			}
			if known && before.Task.State == e.Task.State && e.Time.Sub(before.Time) < 500*time.Millisecond {
				t.Errorf("event %d comes %v after another of %s", e.N, e.Time.Sub(before.Time), e.Task.ID)
			}
			last[e.Task.ID] = e
		}
	})
}

func TestAStateIsWrittenAtOnceAndTheRestSoon(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		j, _, log := logOf(t)
		log.Post(snapshot(queued, queued)) // as without any event
		if got := events(t, j); len(got) != 0 {
			t.Errorf("got %v for tasks that wait", got)
		}
		log.Post(snapshot(task.TaskProgress{State: task.Running, Activity: "one"}, queued))
		log.Post(snapshot(task.TaskProgress{State: task.Running, Activity: "two"}, queued))
		log.Post(snapshot(task.TaskProgress{State: task.Running, Activity: "three"}, queued))
		if got := events(t, j); len(got) != 1 || got[0].Task.Activity != "one" {
			t.Errorf("at once there is %v", got)
		}
		time.Sleep(501 * time.Millisecond)
		synctest.Wait()
		if got := events(t, j); len(got) != 2 || got[1].Task.Activity != "three" {
			t.Errorf("half a second later there is %v", got)
		}
		log.Post(snapshot(task.TaskProgress{State: task.Running, Activity: "four"}, queued))
		log.Post(snapshot(task.TaskProgress{State: task.Checking, Activity: "four"}, queued))
		if got := events(t, j); len(got) != 3 || got[2].Task.State != task.Checking {
			t.Errorf("a new state waits: %v", got)
		}
	})
}

func TestCloseWritesWhatWasHeldBack(t *testing.T) {
	for name, end := range map[string]func(*journal.Run, *journal.EventLog) error{
		"close":  func(_ *journal.Run, l *journal.EventLog) error { return l.Close() },
		"finish": func(r *journal.Run, _ *journal.EventLog) error { return r.Finish(task.RunResult{}) },
	} {
		synctest.Test(t, func(t *testing.T) {
			j, run, log := logOf(t)
			log.Post(snapshot(task.TaskProgress{State: task.Running}, queued))
			log.Post(snapshot(task.TaskProgress{State: task.Running, Activity: "last words"}, queued))
			if err := end(run, log); err != nil {
				t.Fatal(err)
			}
			log.Post(snapshot(task.TaskProgress{State: task.Done}, queued))
			if err := log.Close(); err != nil {
				t.Error(err)
			}
			if again, err := run.Events(); again != log || err != nil {
				t.Errorf("there is another log: %v", err)
			}
			got := events(t, j)
			if len(got) != 2 || got[1].Task.Activity != "last words" {
				t.Errorf("%s: got %v", name, got)
			}
		})
	}
}

func TestAFloodEndsAndStatesGoOn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		j, run, log := logOf(t)
		for i := range 20_100 {
			log.Post(snapshot(task.TaskProgress{State: task.Running, Activity: fmt.Sprint(i, strings.Repeat("日", 1000))}, queued))
			time.Sleep(600 * time.Millisecond)
		}
		log.Post(snapshot(task.TaskProgress{State: task.Done, Status: task.Failed, Usage: task.Usage{InputTokens: 7}}, queued))
		got := events(t, j)
		if last := got[len(got)-1].Task; len(got) != 20_001 || last.Status != task.Failed || last.Usage.InputTokens != 7 {
			t.Errorf("%d events, the last is %+v", len(got), last)
		}
		info, err := os.Stat(run.Path("events.jsonl"))
		if err != nil || info.Size() > 20_001*700 || info.Mode().Perm() != 0o600 {
			t.Errorf("got %v, %v", info, err)
		}
	})
}

func TestEventsArePostedFromManyPlaces(t *testing.T) {
	j, run, log := logOf(t)
	var wg sync.WaitGroup
	for i := range 8 {
		wg.Go(func() {
			for n := range 50 {
				log.Post(snapshot(task.TaskProgress{State: []task.State{task.Running, task.Checking}[n%2], Activity: fmt.Sprint(i, n)}, queued))
			}
		})
	}
	wg.Wait()
	if err := run.Finish(task.RunResult{}); err != nil {
		t.Fatal(err)
	}
	if n := len(events(t, j)); n < 50 {
		t.Errorf("%d events", n)
	}
}

func TestEventsArePaged(t *testing.T) {
	j, _, log := logOf(t)
	for i := range 5 {
		log.Post(snapshot(task.TaskProgress{State: []task.State{task.Running, task.Checking}[i%2]}, queued))
	}
	saved := load(t, j, "r")
	for _, c := range []struct {
		after int64
		limit int
		want  string
	}{{0, 2, "1 2"}, {2, 2, "3 4"}, {4, 2, "5"}, {5, 2, ""}, {99, 0, ""}, {3, 0, "4 5"}} {
		got, total, err := saved.Events(c.after, c.limit)
		var n []string
		for _, e := range got {
			n = append(n, fmt.Sprint(e.N))
		}
		if err != nil || total != 5 || got == nil || strings.Join(n, " ") != c.want {
			t.Errorf("after %d, limit %d: %v of %d, %v; want %s", c.after, c.limit, n, total, err, c.want)
		}
	}
	if _, _, err := saved.Events(-1, 0); len(task.Refusals(err)) != 1 {
		t.Errorf("got %v, want a refusal", err)
	}
}

func TestEventsUpToWhatIsBrokenAreGood(t *testing.T) {
	line := func(n int64, id string) string {
		b, err := json.Marshal(task.Event{N: n, Task: task.TaskProgress{ID: id, State: task.Done, Status: task.Success}})
		if err != nil {
			t.Fatal(err)
		}
		return string(b) + "\n"
	}
	for _, c := range []struct {
		name, log string
		good      int
		broken    bool
	}{
		{"torn", line(1, "b") + line(2, "x") + `{"n":3,"task":{"ta`, 2, false},
		{"zeros of a power cut", line(1, "b") + "\x00\x00\x00", 1, false},
		{"no JSON", line(1, "b") + "{\n" + line(3, "a"), 1, true},
		{"a gap", line(1, "b") + line(3, "a"), 1, true},
		{"endless", line(1, "b") + strings.Repeat("x", 1<<20), 1, true},
		{"empty", "", 0, false},
	} {
		j, run, _ := logOf(t)
		if err := os.WriteFile(run.Path("events.jsonl"), []byte(c.log), 0o600); err != nil {
			t.Fatal(err)
		}
		saved := load(t, j, "r")
		got, _, err := saved.Events(0, 0)
		if len(got) != c.good || (err != nil) != c.broken {
			t.Errorf("%s: %d events, %v", c.name, len(got), err)
		}
		progress, err := saved.Progress()
		if (err != nil) != c.broken || len(progress.Tasks) < 2 || progress.Tasks[0].ID != "a" || progress.Tasks[0].State != task.Queued {
			t.Errorf("%s: %v, %v; want a first, and queued", c.name, progress, err)
		}
		if c.good > 0 && progress.DoneCount() != c.good {
			t.Errorf("%s: %d are done", c.name, progress.DoneCount())
		}
	}
}

// However a log is cut off, what is whole is read and the rest is not.
func FuzzTornEvents(f *testing.F) {
	f.Add(uint(0), []byte(nil))
	f.Add(uint(200), []byte("{\"n\":"))
	dir := f.TempDir()
	j, err := journal.Open(dir, "/src/app/.git", "/src/app")
	if err != nil {
		f.Fatal(err)
	}
	run, err := j.Begin(task.Plan{RunID: "r"}, "abc", time.Now())
	if err != nil {
		f.Fatal(err)
	}
	log, err := run.Events()
	if err != nil {
		f.Fatal(err)
	}
	for i := range 4 {
		log.Post(snapshot(task.TaskProgress{State: []task.State{task.Running, task.Checking}[i%2], Activity: "日本語\n\""}, queued))
	}
	if err := run.Finish(task.RunResult{}); err != nil {
		f.Fatal(err)
	}
	whole, err := run.Read("events.jsonl")
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, cut uint, tail []byte) {
		tail = bytes.ReplaceAll(tail, []byte("\n"), nil)
		log := append(bytes.Clone(whole[:cut%uint(len(whole)+1)]), tail...)
		if err := os.WriteFile(run.Path("events.jsonl"), log, 0o600); err != nil {
			t.Fatal(err)
		}
		saved, err := j.Load("r")
		if err != nil {
			t.Fatal(err)
		}
		got, total, err := saved.Events(0, 0)
		if want := bytes.Count(log, []byte("\n")); err == nil && (len(got) != want || total != int64(want)) || err != nil && len(tail) < 1<<16 {
			t.Fatalf("%d events, total %d, %v; want %d", len(got), total, err, want)
		}
	})
}
