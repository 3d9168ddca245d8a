package cli

import (
	"net"
	"os"
	"strings"
	"testing"
	"time"

	"shoal"
	"shoal/internal/api/apitest"
)

func TestDoctorWithoutNode(t *testing.T) {
	s := newShell(t)
	s.look = []Finding{well("the identity is sound")}
	a := s.run("doctor").want(t, 0).says(t, "all is well")
	if !strings.Contains(a.stdout, "ok       no node is running\nok       the identity is sound\n") {
		t.Errorf("stdout:\n%s", a.stdout)
	}
	s.look = append(s.look, problem("the index is damaged", "shoal doctor --rebuild"))
	a = s.run("doctor").want(t, 1).says(t, "shoal: 1 problem found")
	if !strings.Contains(a.stdout, "problem  the index is damaged\n         hint: shoal doctor --rebuild\n") {
		t.Errorf("stdout:\n%s", a.stdout)
	}
	if a := s.run("doctor", "--json").want(t, 1); !strings.Contains(a.stdout, `{"type":"result","ok":false,"text":"the index is damaged","hint":"shoal doctor --rebuild"}`) {
		t.Errorf("stdout:\n%s", a.stdout)
	}
}

func TestDoctorWithNode(t *testing.T) {
	s := newShell(t).withNode()
	s.fake.Worry("the disk is failing")
	a := s.run("doctor").want(t, 1)
	for _, want := range []string{"nas answers", "412 GB is free", "cannot be reached at 192.0.2.1:4001", "no peer is connected", "problem  the disk is failing"} {
		if !strings.Contains(a.stdout, want) {
			t.Errorf("stdout lacks %q:\n%s", want, a.stdout)
		}
	}
	s.run("doctor", "--rebuild").want(t, shoal.Exists.ExitCode()).says(t, "stop the node first")
	s.fake.Break(shoal.Other)
	if a := s.run("doctor").want(t, 1); !strings.Contains(a.stdout, "a node runs, but does not answer") {
		t.Errorf("stdout:\n%s", a.stdout)
	}
}

func TestFolderAndClockFindings(t *testing.T) {
	folder := t.TempDir()
	now := apitest.Born()
	if err := os.Chtimes(folder, now, now); err != nil {
		t.Fatal(err)
	}
	if f := clockFinding(now.Add(time.Hour), folder); !f.OK {
		t.Errorf("an hour later: %+v", f)
	}
	if f := clockFinding(now.Add(-time.Hour), folder); f.OK || f.Hint == "" {
		t.Errorf("an hour earlier: %+v", f)
	}
	for mode, ok := range map[os.FileMode]bool{0o700: true, 0o750: false, 0o707: false} {
		if err := os.Chmod(folder, mode); err != nil {
			t.Fatal(err)
		}
		if f := folderFinding(folder); f.OK != ok {
			t.Errorf("mode %o: %+v", mode, f)
		}
	}
	if f := folderFinding(os.DevNull); f.OK {
		t.Errorf("a device: %+v", f)
	}
}

func TestListenFindings(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	_, port, err := net.SplitHostPort(l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	findings := listenFindings(t.Context(), []string{"/ip4/127.0.0.1/udp/1/quic-v1/p2p/x", "/ip4/127.0.0.1/tcp/" + port + "/p2p/x"})
	if len(findings) != 1 || !findings[0].OK {
		t.Errorf("one port that listens: %+v", findings)
	}
	if findings := listenFindings(t.Context(), nil); len(findings) != 1 || findings[0].OK {
		t.Errorf("none: %+v", findings)
	}
}

// Beside a node that runs doctor says how the files are, and what names those that
// are not all here.
func TestDoctorTellsHowTheFilesAre(t *testing.T) {
	s := newShell(t).withNode()
	s.fake.Judge(shoal.Safety{State: "at risk", Text: "1 file lacks copies."})
	if a := s.run("doctor").want(t, 1); !strings.Contains(a.stdout, "problem  1 file lacks copies.") || !strings.Contains(a.stdout, "shoal verify reads what is here") {
		t.Errorf("stdout:\n%s", a.stdout)
	}
	s.fake.Judge(shoal.Safety{State: "safe", Text: "All is safe."})
	if a := s.run("doctor"); !strings.Contains(a.stdout, "ok       All is safe.") {
		t.Errorf("stdout:\n%s", a.stdout)
	}
}
