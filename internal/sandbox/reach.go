package sandbox

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"time"

	"github.com/containerd/errdefs"
	"github.com/docker/docker/client"

	"github.com/codex-mcp-runner/codex-mcp-runner/internal/task"
)

// answerTimeout bounds each of the first questions to an engine.
const answerTimeout = 10 * time.Second

// errSilent is why a question to an engine was given up.
var errSilent = errors.New("the engine does not answer")

// silent is a Refusal if within ended because the engine did not answer, else err.
func (e *Engine) silent(within context.Context, err error) error {
	if !errors.Is(context.Cause(within), errSilent) {
		return err
	}
	return &task.Refusal{
		What: fmt.Sprintf("The Docker engine at %s does not answer.", e.endpoint),
		Mend: "Set DOCKER_HOST, or leave it out; if that is the right address, restart the engine.", Err: err,
	}
}

// ping finds out whether what answers at the endpoint is an engine: the headers of
// its answer say so.
func (e *Engine) ping(ctx context.Context) error {
	within, cancel := context.WithTimeoutCause(ctx, answerTimeout, errSilent)
	defer cancel()
	got, err := e.api.Ping(within)
	foreign := &task.Refusal{
		What: fmt.Sprintf("What answers at %s is no Docker engine.", e.endpoint),
		Mend: "Set DOCKER_HOST, or leave it out.", Err: err,
	}
	switch {
	case got.APIVersion != "" && err == nil:
		return nil
	case got.APIVersion != "":
	case errdefs.IsInvalidArgument(err):
		foreign.What = fmt.Sprintf("What answers at %s is no Docker engine, or one that wants TLS.", e.endpoint)
		foreign.Mend = "Set DOCKER_HOST, or leave it out; for TLS set DOCKER_TLS_VERIFY and DOCKER_CERT_PATH too."
		return foreign
	case err == nil, errors.Is(err, client.ErrRedirect), errdefs.IsNotFound(err), errdefs.IsNotImplemented(err),
		errdefs.IsUnauthorized(err), errdefs.IsPermissionDenied(err):
		return foreign
	}
	return e.silent(within, e.refuse("ask the engine about itself", err))
}

// refuse turns an engine that cannot be reached into a Refusal, and gives
// other errors what was being done.
func (e *Engine) refuse(doing string, err error) error {
	switch {
	case errors.Is(err, fs.ErrPermission):
		return &task.Refusal{
			What: fmt.Sprintf("This user may not talk to the Docker engine at %s.", e.endpoint),
			Mend: "Add the user to the docker group (`sudo usermod -aG docker $USER`) and log in again.", Err: err,
		}
	case client.IsErrConnectionFailed(err):
		return &task.Refusal{
			What: fmt.Sprintf("The Docker engine at %s cannot be reached; it may not be running.", e.endpoint),
			Mend: "Start Docker (`sudo systemctl start docker`, or open Docker Desktop), or set DOCKER_HOST.", Err: err,
		}
	}
	return fmt.Errorf("%s: %w", doing, err)
}
