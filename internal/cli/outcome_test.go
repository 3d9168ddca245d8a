package cli

import "testing"

// Nothing done is not partly done: it ends as the first failure says.
func TestNothingDone(t *testing.T) {
	s := newShell(t).withNode()
	s.write("f", "f")
	s.run("add", "f").want(t, 0)
	s.run("rm", "nothing", "shoal:").want(t, 3).says(t, "2 of 2 files failed")
	s.run("rm", "shoal:", "nothing").want(t, 2).says(t, "2 of 2 files failed")
	s.run("rm", "shoal:", "f", "nothing").want(t, 4).says(t, "2 of 3 files failed")
}
