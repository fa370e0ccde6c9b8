package journal_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/codex-mcp-runner/codex-mcp-runner/internal/journal"
	"github.com/codex-mcp-runner/codex-mcp-runner/internal/task"
)

func TestFollowGivesEveryEventUntilTheRunIsDone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		j, run, log := logOf(t)
		saved := load(t, j, "r")
		var got []int64
		ended := make(chan error, 1)
		go func() {
			ended <- saved.Follow(t.Context(), 1, func(e task.Event) { got = append(got, e.N) })
		}()
		for i := range 6 {
			log.Post(snapshot(task.TaskProgress{State: []task.State{task.Running, task.Checking}[i%2]}, queued))
			time.Sleep(301 * time.Millisecond)
			synctest.Wait()
			if i > 0 && len(got) != i {
				t.Errorf("after %d events, %v were given", i+1, got)
			}
		}
		log.Post(snapshot(task.TaskProgress{State: task.Done}, queued))
		if err := run.Finish(task.RunResult{RunID: "r"}); err != nil {
			t.Fatal(err)
		}
		if err := <-ended; err != nil {
			t.Error(err)
		}
		if diff := cmp.Diff([]int64{2, 3, 4, 5, 6, 7}, got); diff != "" {
			t.Error(diff)
		}
	})
}

func TestFollowEndsWithItsContext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		j, _, _ := logOf(t)
		enough := errors.New("enough")
		ctx, cancel := context.WithCancelCause(t.Context())
		time.AfterFunc(time.Second, func() { cancel(enough) })
		if err := load(t, j, "r").Follow(ctx, 0, func(task.Event) {}); !errors.Is(err, enough) {
			t.Errorf("got %v, want the cause", err)
		}
	})
}

func TestFollowOfARunThatIsRemovedEnds(t *testing.T) {
	j, run, log := logOf(t)
	log.Post(snapshot(task.TaskProgress{State: task.Running}, queued))
	saved := load(t, j, "r")
	n := 0
	if err := saved.Follow(t.Context(), 0, func(task.Event) {
		n++
		if err := errors.Join(run.Finish(task.RunResult{}), j.Prune(0)); err != nil {
			t.Error(err)
		}
	}); err != nil || n != 1 {
		t.Errorf("%d events, %v", n, err)
	}
}

// TestMain lets the test be another process, that writes a run until it is killed.
func TestMain(m *testing.M) {
	if home := os.Getenv("JOURNAL_TEST_WRITER"); home != "" {
		fmt.Println(writeForever(home))
		os.Exit(1)
	}
	os.Exit(m.Run())
}

func writeForever(home string) error {
	j, err := journal.Open(home, "/src/app/.git", "/src/app")
	if err != nil {
		return err
	}
	run, err := j.Begin(task.Plan{RunID: "r", Tasks: []task.Spec{{ID: "a"}, {ID: "b"}}}, "abc", time.Now())
	if err != nil {
		return err
	}
	log, err := run.Events()
	if err != nil {
		return err
	}
	for i := 0; ; i++ {
		log.Post(snapshot(task.TaskProgress{State: []task.State{task.Running, task.Checking}[i%2], Activity: fmt.Sprint(i)}, queued))
		time.Sleep(10 * time.Millisecond)
	}
}

func TestARunOfAnotherProcessLivesUntilThatIsKilled(t *testing.T) {
	home := filepath.Join(t.TempDir(), "home")
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	writer := exec.CommandContext(t.Context(), self)
	writer.Env = append(os.Environ(), "JOURNAL_TEST_WRITER="+home)
	if err := writer.Start(); err != nil {
		t.Fatal(err)
	}
	j := journal.At(home)
	saved, err := j.Load("r")
	for until := time.Now().Add(time.Minute); err != nil && time.Now().Before(until); saved, err = j.Load("r") {
		time.Sleep(10 * time.Millisecond)
	}
	if err != nil {
		t.Fatal(err)
	}
	// Asking leaves the lock alone, and it stays the other's.
	for range 100 {
		if live, err := saved.Live(); err != nil || !live {
			t.Fatalf("live: %t, %v", live, err)
		}
	}
	if saved.Status != task.RunRunning {
		t.Errorf("its status is %s", saved.Status)
	}
	if lost, err := j.Recover(func(journal.Record) error { return nil }); err != nil || len(lost) != 0 {
		t.Errorf("a live run was recovered: %v, %v", lost, err)
	}
	if summaries, err := j.Summaries(); err != nil || len(summaries) != 1 || summaries[0].Status != task.RunRunning {
		t.Errorf("got %+v, %v", summaries, err)
	}
	var last int64
	err = saved.Follow(t.Context(), 0, func(e task.Event) {
		if e.N != last+1 {
			t.Errorf("event %d after %d", e.N, last)
		}
		if last = e.N; last == 20 {
			_ = writer.Process.Kill()
			_ = writer.Wait()
		}
	})
	if err != nil || last < 20 {
		t.Errorf("%d events, %v", last, err)
	}
	saved = load(t, j, "r")
	partial, err := saved.Partial()
	if err != nil || saved.Status != task.RunLost || partial.Status != task.RunLost || len(partial.Progress) != 2 {
		t.Errorf("after its death: %s, %+v, %v", saved.Status, partial, err)
	}
	if lost, err := j.Recover(func(journal.Record) error { return nil }); err != nil || len(lost) != 1 {
		t.Errorf("recovered %v, %v", lost, err)
	}
}

// Whoever looks whether a run lives must not make it look live to one who wants
// to take it over, nor make another's Begin fail.
func TestLookingDisturbsNobody(t *testing.T) {
	j, _ := open(t)
	finished(t, j, "r", time.Now())
	saved := load(t, j, "r")
	stop := make(chan struct{})
	ended := make(chan error, 1)
	go func() {
		for {
			select {
			case <-stop:
				ended <- nil
				return
			default:
				if _, err := saved.Live(); err != nil {
					ended <- err
					return
				}
			}
		}
	}()
	for range 2000 { // two who look do not see each other
		if live, err := saved.Live(); err != nil || live {
			t.Fatalf("live: %t, %v", live, err)
		}
	}
	for range 200 {
		if err := j.AddReview("r", task.ReviewReport{}); err != nil {
			t.Fatal(err)
		}
	}
	close(stop)
	if err := <-ended; err != nil {
		t.Error(err)
	}
}
