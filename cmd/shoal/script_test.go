package main

import (
	"bufio"
	"encoding/json"
	"errors"
	"flag"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"shoal/internal/cli"
)

// stories is how many run at once, if -parallel does not say otherwise: they mostly
// wait for nodes, and two cores run more than two.
const stories = "6"

// TestMain lets the test binary be the shoal command for the scripts.
func TestMain(m *testing.M) {
	if err := flag.Set("test.parallel", stories); err != nil {
		panic(err) // there is no such flag
	}
	testscript.Main(m, map[string]func(){"shoal": func() { os.Exit(cli.Main(os.Args[1:])) }})
}

// TestScripts runs the stories in testdata, each in an empty folder, with these
// commands beside testscript's own:
//
//	up NAME [ARGS...]       start a node on folder NAME, logging to NAME.log;
//	                        $NAME_addr is where it is
//	down NAME               stop it; crash NAME kills it
//	exits CODE CMD ARGS...  run a command that must end with that exit code
//	interrupt CMD ARGS...   run a get --json, press Ctrl-C when bytes have come
//	keep VAR                set $VAR to what the last command printed
//	random FILE SIZE SEED   make a file
//	flip FILE OFFSET        flip a bit of it
//	older FIXTURE           unpack data folders that an older shoal left; see folders_test.go
func TestScripts(t *testing.T) {
	folders, err := filepath.Abs("testdata")
	if err != nil {
		t.Fatal(err)
	}
	testscript.Run(t, testscript.Params{
		Dir: "testdata",
		Setup: func(env *testscript.Env) error {
			env.Values["nodes"] = make(map[string]*exec.Cmd)
			env.Setenv("HOME", env.WorkDir)
			env.Setenv("NO_COLOR", "1")
			return nil
		},
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			"up": up, "down": down, "crash": crash, "exits": exits, "interrupt": interrupt, "keep": keep, "until": until, "random": random, "flip": flip, "older": older(folders),
		},
	})
}

func nodes(ts *testscript.TestScript) map[string]*exec.Cmd {
	return ts.Value("nodes").(map[string]*exec.Cmd)
}

// up starts a node and waits until it is ready.
func up(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 1 {
		ts.Fatalf("usage: up NAME [ARGS...]")
	}
	name := args[0]
	all := append([]string{"up", "--json", "--name", name, "--data", ts.MkAbs(name), "--listen", "127.0.0.1:0"}, args[1:]...)
	binary, err := exec.LookPath("shoal")
	ts.Check(err)
	cmd := exec.Command(binary, all...)
	cmd.Dir = ts.MkAbs(".")
	cmd.Env = append(os.Environ(), "HOME="+ts.Getenv("HOME"))
	log, err := os.Create(ts.MkAbs(name + ".log"))
	ts.Check(err)
	ts.Defer(func() { _ = log.Close() })
	cmd.Stderr = log
	out, err := cmd.StdoutPipe()
	ts.Check(err)
	ts.Check(cmd.Start())
	ts.Defer(func() { end(cmd, syscall.SIGKILL) })
	nodes(ts)[name] = cmd
	line, err := bufio.NewReader(out).ReadBytes('\n')
	ts.Check(err)
	var ready struct {
		Type   string   `json:"type"`
		Listen []string `json:"listen"`
	}
	ts.Check(json.Unmarshal(line, &ready))
	if ready.Type != "ready" || len(ready.Listen) == 0 {
		ts.Fatalf("node %s says %s", name, line)
	}
	ts.Setenv(name+"_addr", ready.Listen[0])
}

// end signals a process and waits for it; one that has ended is left alone.
func end(cmd *exec.Cmd, signal os.Signal) {
	if cmd.ProcessState == nil && cmd.Process.Signal(signal) == nil {
		_ = cmd.Wait() // how it ended is the story's business, not the harness's
	}
}

func down(ts *testscript.TestScript, neg bool, args []string) { signal(ts, neg, args, syscall.SIGTERM) }

func crash(ts *testscript.TestScript, neg bool, args []string) {
	signal(ts, neg, args, syscall.SIGKILL)
}

func signal(ts *testscript.TestScript, neg bool, args []string, s os.Signal) {
	if neg || len(args) != 1 || nodes(ts)[args[0]] == nil {
		ts.Fatalf("usage: down|crash NAME, of a node that is up")
	}
	cmd := nodes(ts)[args[0]]
	end(cmd, s)
	delete(nodes(ts), args[0])
	if s == syscall.SIGTERM && !cmd.ProcessState.Success() {
		ts.Fatalf("node %s did not stop cleanly: %v", args[0], cmd.ProcessState)
	}
}

// exits runs a command and checks its exit code; its output is there for
// stdout and stderr as after exec.
func exits(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: exits CODE CMD ARGS...")
	}
	want, err := strconv.Atoi(args[0])
	ts.Check(err)
	code := 0
	if err := ts.Exec(args[1], args[2:]...); err != nil {
		exit, ok := errors.AsType[*exec.ExitError](err)
		if !ok {
			ts.Fatalf("run %s: %v", args[1], err)
		}
		code = exit.ExitCode()
	}
	if code != want {
		ts.Fatalf("exit code %d, want %d", code, want)
	}
}

// interrupt runs a command with --json until it tells of progress, and sends it
// SIGINT then. It must end with exit code 130; its lines are there for stdout.
func interrupt(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 1 {
		ts.Fatalf("usage: interrupt CMD ARGS...")
	}
	binary, err := exec.LookPath(args[0])
	ts.Check(err)
	cmd := exec.Command(binary, args[1:]...)
	cmd.Dir = ts.MkAbs(".")
	cmd.Stderr = ts.Stderr()
	out, err := cmd.StdoutPipe()
	ts.Check(err)
	ts.Check(cmd.Start())
	ts.Defer(func() { end(cmd, syscall.SIGKILL) })
	for lines := bufio.NewScanner(out); lines.Scan(); {
		_, _ = io.WriteString(ts.Stdout(), lines.Text()+"\n")
		if strings.Contains(lines.Text(), `"event":"progress"`) {
			ts.Check(cmd.Process.Signal(os.Interrupt))
		}
	}
	exit, ok := errors.AsType[*exec.ExitError](cmd.Wait())
	if !ok || exit.ExitCode() != 130 {
		ts.Fatalf("exit code %d, want 130", cmd.ProcessState.ExitCode())
	}
}

// keep sets a variable to the last command's stdout.
func keep(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 1 {
		ts.Fatalf("usage: keep VAR")
	}
	ts.Setenv(args[0], strings.TrimSpace(ts.ReadFile("stdout")))
}

// until runs a command again and again until its stdout matches, for what the
// nodes come to by themselves.
func until(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: until REGEXP COMMAND [ARGS...]")
	}
	want, err := regexp.Compile("(?m)" + args[0])
	ts.Check(err)
	var out []byte
	for deadline := time.After(30 * time.Second); ; {
		cmd := exec.Command(args[1], args[2:]...)
		cmd.Dir, cmd.Env = ts.MkAbs("."), append(os.Environ(), "HOME="+ts.Getenv("HOME"))
		if out, _ = cmd.CombinedOutput(); want.Match(out) { // it may fail at first
			return
		}
		select {
		case <-deadline:
			ts.Fatalf("in half a minute this did not come to match %q: %s", args[0], out)
		case <-time.After(50 * time.Millisecond):
		}
	}
}

// random makes a file of bytes that follow from the seed.
func random(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 3 {
		ts.Fatalf("usage: random FILE SIZE SEED")
	}
	size, err := strconv.ParseInt(args[1], 10, 64)
	ts.Check(err)
	seed, err := strconv.ParseUint(args[2], 10, 8)
	ts.Check(err)
	path := ts.MkAbs(args[0])
	ts.Check(os.MkdirAll(filepath.Dir(path), 0o700))
	file, err := os.Create(path)
	ts.Check(err)
	_, err = io.CopyN(file, rand.NewChaCha8([32]byte{byte(seed)}), size)
	ts.Check(err)
	ts.Check(file.Close())
}

// flip flips one bit of a file. A * in the name stands for anything.
func flip(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 2 {
		ts.Fatalf("usage: flip FILE OFFSET")
	}
	offset, err := strconv.ParseInt(args[1], 10, 64)
	ts.Check(err)
	paths, err := filepath.Glob(ts.MkAbs(args[0]))
	ts.Check(err)
	if len(paths) != 1 {
		ts.Fatalf("%d files match %s, want one", len(paths), args[0])
	}
	file, err := os.OpenFile(paths[0], os.O_RDWR, 0)
	ts.Check(err)
	var octet [1]byte
	_, err = file.ReadAt(octet[:], offset)
	ts.Check(err)
	octet[0] ^= 1
	_, err = file.WriteAt(octet[:], offset)
	ts.Check(err)
	ts.Check(file.Close())
}
