package review_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/codex-mcp-runner/codex-mcp-runner/internal/review"
)

// What is said in task 5 of a numbered plan, and what task 5 then waits for.
// MISSING stands for a reference that leads nowhere.
func TestDependencies(t *testing.T) {
	for said, want := range map[string]string{
		"depends on 2":                                   "2",
		"Depends on: 2, 3":                               "2 3",
		"depends on tasks 1, 2 and 4.":                   "1 2 4",
		"**Depends on:** Task 2 (the client), Task 3":    "2 3",
		"(deps: 1, 3)":                                   "1 3",
		"deps=[2]":                                       "2",
		"depends_on: [1, 2]":                             "1 2",
		"after task 3":                                   "3",
		"after tasks 1-3":                                "1 2 3",
		"after steps 1 through 3 are done":               "1 2 3",
		"blocked by #4":                                  "4",
		"Blocked by: Step 4":                             "4",
		"needs step 1":                                   "1",
		"requires task 2 and task 3":                     "2 3",
		"Prerequisites: 1 & 2":                           "1 2",
		"cannot start until task 4 is merged":            "4",
		"must not start until task 4 is merged":          "4",
		"once tasks 2 and 3 are done":                    "2 3",
		"depends on the previous task":                   "4",
		"depends on 2 because of the schema":             "2",
		"Task 3 must come first; this depends on task 3": "3",
		"depends on `2`":                                 "2",
		"depends on task 9":                              "MISSING",
		"depends on 2 and 9":                             "2 MISSING",
		"blocked by step 12":                             "MISSING",

		// Quantities, versions, issues, alternatives, denials, other subjects.
		"depends on 2 services":                          "",
		"depends on 2 external services and 1 queue":     "",
		"after 3 retries":                                "",
		"after 2 weeks":                                  "",
		"needs 3 reviewers":                              "",
		"requires 2":                                     "",
		"requires Node 18":                               "",
		"depends on 1.2.3":                               "",
		"depends on 3.5 of the library":                  "",
		"blocked by #412":                                "",
		"depends on task 1 or task 2":                    "",
		"does not depend on task 2":                      "",
		"doesn't need task 2":                            "",
		"has no dependency on task 3":                    "",
		"can start without waiting for task 2":           "",
		"independent of task 2":                          "",
		"Depends on: none":                               "",
		"Dependencies: None (task 2 is unrelated)":       "",
		"uses the client from task 2":                    "",
		"see task 3":                                     "",
		"runs in parallel with task 4":                   "",
		"after step 3 of the wizard":                     "",
		"depends on 50% of the traffic":                  "",
		"blocks task 9":                                  "",
		"task 3 depends on task 2":                       "",
		"This is a prerequisite for task 3":              "",
		"depends on a 3rd party":                         "",
		"depends on 2FA being on":                        "",
		"depends on I/O":                                 "",
		"requires T4":                                    "",
		"after phase 2":                                  "",
		"depends on 2026-05-01":                          "",
		"`sleep 5 && echo depends on nothing`":           "",
		"depends on the order of 2, 3":                   "",
		"follows RFC 2":                                  "",
		"dependencies: 2 npm packages, 1 system library": "",
	} {
		plan := "1. Alpha\n2. Beta\n3. Gamma\n4. Delta\n5. Epsilon, " + said + "\n6. Zeta\n"
		if strings.HasPrefix(said, "**") || strings.HasPrefix(said, "B") || strings.HasPrefix(said, "D") || strings.HasPrefix(said, "P") {
			plan = "1. Alpha\n2. Beta\n3. Gamma\n4. Delta\n5. Epsilon\n   - " + said + "\n6. Zeta\n"
		}
		var got []string
		for _, item := range review.Items(plan) {
			if item.Name == "Task 5" {
				for _, need := range item.Needs {
					got = append(got, strings.TrimPrefix(need, "Task "))
				}
			}
		}
		if issues := review.Analyse(plan).DependencyIssues; strings.Contains(strings.Join(issues, "\n"), "no such task") {
			got = append(got, "MISSING")
		}
		if strings.Join(got, " ") != want {
			t.Errorf("%q: got %q, want %q", said, strings.Join(got, " "), want)
		}
	}
}

func TestOtherWaysToNameTasks(t *testing.T) {
	for _, c := range []struct{ plan, from, want string }{
		{"1) A\n2) B, blocks 3\n3) C\n", "Task 3", ""}, // a bare number after a weak cue
		{"1) A\n2) B, blocks task 3\n3) C\n", "Task 3", "Task 2"},
		{"### Step 1: A\ntext\n### Step 2: B\nDepends on step 1.\n", "Step 2", "Step 1"},
		{"## Step 1 - A\n## Step 2 - B\nAfter Step 1 has landed.\n", "Step 2", "Step 1"},
		{"**Task A: x**\n\n**Task B: y**\n\nDepends on: Task A\n", "Task B", "Task A"},
		{"- [ ] T001 A\n- [x] T002 B (depends on T1)\n", "T002", "T001"},
		{"- **AUTH-1**: A\n- **AUTH-2**: B, blocked by AUTH-1\n", "AUTH-2", "AUTH-1"},
		{"T1: A\nT2: B, after task 1\n", "T2", "T1"},
		{"T1: A\nT2: B\n\n## Dependencies\n- T2 depends on T1\n", "T2", "T1"},
		{"T1: A\nT2: B\n\n## Dependencies\n- T1 blocks T2\n", "T2", "T1"},
		{"1. A\n2. B\n\nTask 2 depends on task 1.\n", "Task 2", "Task 1"},
		{"## Phase 1: X\n- [ ] T1 A\n## Phase 2: Y\nDepends on Phase 1.\n- [ ] T2 B\n", "Phase 2", "Phase 1"},
		{"1. A\n   1.1 Aa\n   1.2 Ab (depends on 1.1)\n2. B\n", "Task 1.2", "Task 1.1"},
		{"1. A\n2. B\n   which depends\n   on task 1\n", "Task 2", "Task 1"},
		{"1. A\n2. B\n   ```\n   depends on task 1\n   ```\n", "Task 2", ""},
		{"<!-- 1. A\n2. B depends on 1 -->\n", "Task 2", ""},
		{"\ufeff1. A\r\n2. B (after task 1)\r\n", "Task 2", "Task 1"},
	} {
		got := "absent"
		for _, item := range review.Items(c.plan) {
			if item.Name == c.from {
				got = strings.Join(item.Needs, " ")
			}
		}
		if got != c.want && (got != "absent" || c.want != "") {
			t.Errorf("%q: %s waits for %q, want %q", c.plan, c.from, got, c.want)
		}
	}
}

// What a task says about a file, and whether it changes it.
func TestFilesThatATaskChanges(t *testing.T) {
	for said, want := range map[string][]string{
		"Create `src/a.ts`":                                         {"src/a.ts"},
		"Add a flag for dates in `src/a.ts`":                        {"src/a.ts"},
		"Edit src/a.ts and src/b.ts":                                {"src/a.ts", "src/b.ts"},
		"Modify: `src/a.ts:123-145`":                                {"src/a.ts"},
		"Move `src/a.ts` to `src/b.ts`":                             {"src/a.ts", "src/b.ts"},
		"Remove the switch from `src/a.ts`":                         {"src/a.ts"},
		"Files: `./src/a.ts`, `package.json`":                       {"package.json", "src/a.ts"},
		"Bump the version in package.json":                          {"package.json"},
		"Write `app/[slug]/page.tsx`":                               {"app/[slug]/page.tsx"},
		"Run `src/a.ts`":                                            nil,
		"Add a class like the one in `src/a.ts`":                    nil,
		"Update the client, see `src/a.ts`":                         nil,
		"Add tests for `src/a.ts`":                                  nil,
		"Implement it as described in `docs/a.md`":                  nil,
		"Change nothing in src/a.ts, do not touch it":               nil,
		"Do not edit `src/a.ts`":                                    nil,
		"Add routing without editing `src/a.ts`":                    nil,
		"Use the types of `src/a.ts`":                               nil,
		"Create a server with `res.json` and Node.js/Express.js":    nil,
		"Update https://example.com/src/a.ts":                       nil,
		"Create `path/to/a.ts`":                                     nil,
		"Update `npm test -- src/a.ts`":                             nil,
		"Edit version 1.2/3.4 and e.g. this/that":                   nil,
		"Write to src/*.ts":                                         nil,
		"The handler in `src/a.ts` is fine":                         nil,
		"Following the pattern in `src/a.ts`, add the second route": nil,
	} {
		items := review.Items("1. " + said + "\n2. Something else\n")
		if len(items) != 2 {
			t.Errorf("%q: %d tasks", said, len(items))
			continue
		}
		if diff := cmp.Diff(want, items[0].Changes); diff != "" {
			t.Errorf("%q: %s", said, diff)
		}
	}
}

// What task 2 says of task 1, and whether their common file is then a conflict.
func TestTasksThatMayRunAtOnce(t *testing.T) {
	for said, conflict := range map[string]bool{
		"can run in parallel with task 1":     true,
		"at the same time as step 1":          true,
		"alongside Task 1":                    true,
		"concurrently with 1":                 true,
		"while task 1 is running":             true,
		"independent of task 1":               true,
		"tasks 1 and 2 run in parallel":       true,
		"작업 1과 병렬로 진행":                        true,
		"1번 작업과 동시에 진행":                       true,
		"cannot run in parallel with task 1":  false,
		"not at the same time as task 1":      false,
		"uses what task 1 makes":              false,
		"after task 1, in parallel with 3":    false,
		"cannot start before task 1 is there": false,
		"작업 1과 병렬로 실행하지 않는다":                  false,
		"1번 작업이 끝난 뒤 진행":                      false,
	} {
		plan := "1. Change `src/x.ts`\n2. Change `src/x.ts` (" + said + ")\n3. Change `src/y.ts`\n"
		issues := strings.Join(review.Analyse(plan).DependencyIssues, "\n")
		if got := strings.Contains(issues, "Tasks 1 and 2 change src/x.ts"); got != conflict {
			t.Errorf("%q: %q", said, issues)
		}
	}
}

// What is said in task 5 of a Korean plan, and what it then waits for.
func TestKoreanDependencies(t *testing.T) {
	for said, want := range map[string]string{
		"1번 작업이 끝난 뒤 시작":    "1",
		"작업 2에 의존":          "2",
		"2번 이후":             "2",
		"작업 1, 2가 완료된 후":    "1 2",
		"1~3번 작업 완료 후":      "1 2 3",
		"작업 1과 2가 끝나면":      "1 2",
		"선행 작업: 2번, 4번":     "2 4",
		"의존성: 없음":           "",
		"작업 2에 의존하지 않음":     "",
		"작업 4와 병렬로 진행":      "",
		"요청이 3번 실패한 후 중단한다": "",
		"최대 3번 재시도 후 중단":    "",
		"2일 후 배포":           "",
		"모든 작업이 끝난 뒤":       "1 2 3 4",
		"이전 작업 완료 후":        "4",
	} {
		var got []string
		for _, item := range review.Items("1. 하나\n2. 둘\n3. 셋\n4. 넷\n5. 다섯, " + said + "\n6. 여섯\n") {
			if item.Name == "Task 5" {
				for _, need := range item.Needs {
					got = append(got, strings.TrimPrefix(need, "Task "))
				}
			}
		}
		if strings.Join(got, " ") != want {
			t.Errorf("%q: got %q, want %q", said, got, want)
		}
	}
}

// Plans that would keep a parser busy, or fill the memory, are read in no time or
// not at all.
func TestHostilePlans(t *testing.T) {
	const head = "tasks:\n  - {task_id: a, prompt: x}\n  - {task_id: b, prompt: y"
	long := strings.Repeat("x", 10_000)
	bomb := "l0: &l0 [x, x]\n"
	for i := 1; i < 40; i++ {
		bomb += fmt.Sprintf("l%d: &l%d [*l%d, *l%d]\n", i, i, i-1, i-1)
	}
	for name, plan := range map[string]string{
		"brackets":   head + ", z: " + strings.Repeat("[", 20_000),
		"dashes":     "prompt: x\ntasks:\n" + strings.Repeat("- ", 10_000),
		"aliases":    bomb + head + ", z: *l39}\n",
		"long text":  "z: &z " + long + "\n" + head + ", z: [" + strings.Repeat("*z, ", 1_000) + "]}\n",
		"json":       `{"prompt": 1, "tasks": ` + strings.Repeat("[", 50_000),
		"wide table": strings.Repeat("|a", 10_000) + "\n" + strings.Repeat("|-", 10_000) + "\n",
		"long table": "|#|Task|Depends on|\n|-|-|-|\n" + strings.Repeat("|1|a|2|\n", 10_000),
		"korean":     "1. a\n2. " + strings.Repeat("1번, ", 1_500),
		"korean end": "1. a\n2. " + strings.Repeat("작업 1이 ", 1_000),
	} {
		if n := len(review.Items(plan)); n > 3 {
			t.Errorf("%s: %d tasks", name, n)
		}
		for _, issue := range review.Analyse(plan).DependencyIssues {
			if len(issue) > 4000 {
				t.Errorf("%s: a sentence of %d bytes", name, len(issue))
			}
		}
	}
}
