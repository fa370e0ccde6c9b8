package task

// CancelRequest is the cause with which somebody ends a run or a task, and may
// still want to see what it has done by then. Whatever else ends one leaves no
// time for that.
type CancelRequest struct {
	// Err says who asked, and why.
	Err error
}

func (c *CancelRequest) Error() string { return c.Err.Error() }

// Unwrap gives Err.
func (c *CancelRequest) Unwrap() error { return c.Err }
