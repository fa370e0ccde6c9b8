package task

// The files of the journal that more than one package knows by name.
const (
	// FileRecord is in a run's directory: what was asked and where it stands.
	FileRecord = "run.json"
	// FileEvents is in a run's directory: one Event as JSON in each line.
	FileEvents = "events.jsonl"
	// FileReport is in a run's directory, a page for a person.
	FileReport = "report.html"
	// FileResult is in the directory of a run, of a task and of an attempt: a
	// RunResult or a Result as JSON.
	FileResult = "result.json"

	// The rest is in the directory of a task, and of an attempt.

	// FilePatch is what Codex left, byte for byte; a task that changed nothing has none.
	FilePatch = "task.patch"
	// FileAttestation vouches for FilePatch.
	FileAttestation = "attestation.json"
	// FileTranscript is what Codex printed, and FileStderr what it said beside that.
	FileTranscript = "transcript.jsonl"
	FileStderr     = "stderr.log"
	FileGuard      = "guard.jsonl"
	FileGateway    = "gateway.jsonl"
	// FileVerify is what the verify commands printed.
	FileVerify = "verify.log"
	// FileRollout is Codex's own session file.
	FileRollout = "rollout.jsonl"
)
