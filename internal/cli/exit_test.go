package cli

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"shoal"
	"shoal/internal/api/apitest"
)

// Every code is its own exit code, in words and in JSON, whatever the command.
func TestExitCodes(t *testing.T) {
	s := newShell(t).withNode()
	s.write("f", "f")
	for _, code := range shoal.Codes() {
		s.fake.Break(shoal.WithHint(fmt.Errorf("it broke: %w", code), "mend it"))
		for _, line := range []string{"status", "peers", "ls", "info f", "link f", "rm f", "mv f g", "find f", "ls --trash", "undelete f", "cat f", "verify", "add f", "get f", "get f -o -"} {
			if code == shoal.NoNode && (strings.HasPrefix(line, "get") || line == "cat f") {
				continue // they start nodes of their own
			}
			a := s.run(strings.Fields(line)...).want(t, code.ExitCode())
			if want := "shoal: it broke: " + code.Error() + "\nhint: mend it\n"; a.stderr != want || a.stdout != "" {
				t.Errorf("%s: stdout %q, stderr %q; want %q", line, a.stdout, a.stderr, want)
			}
		}
		a := s.run("status", "--json").want(t, code.ExitCode())
		want := fmt.Sprintf(`{"type":"error","code":%q,"text":"it broke: %s","hint":"mend it","exit":%d}`, code.Word(), code.Error(), code.ExitCode())
		if !strings.HasPrefix(a.stdout, want+"\n") || a.stderr != "" {
			t.Errorf("stdout %s, stderr %q; want %s", a.stdout, a.stderr, want)
		}
	}
}

// The help names every exit code.
func TestHelpHasExitCodes(t *testing.T) {
	help := newShell(t).run("--help").want(t, 0).stdout
	for _, code := range shoal.Codes() {
		if want := fmt.Sprintf("  %-4d %s\n", code.ExitCode(), code.Error()); !strings.Contains(help, want) {
			t.Errorf("the help lacks %q", want)
		}
	}
}

// With --json, stdout is JSON objects, one a line, each with a type, the last
// a summary, whatever happens.
func TestJSONLines(t *testing.T) {
	s := furnished(t)
	s.write("new", "new")
	for _, line := range []string{
		"status", "peers", "ls", "ls -l", "info big.iso", "link big.iso", "verify", "add new gone", "add new", "get big.iso",
		"get big.iso", "get big.iso nothing -o there/", "rm nothing", "doctor", "version", "completion bash", "frobnicate", "ls --nope", "find photos", "mv photos/a.jpg b.jpg", "rm b.jpg", "ls --trash", "undelete b.jpg",
	} {
		a := s.run(append(strings.Fields(line), "--json")...)
		last := ""
		for text := range strings.Lines(a.stdout) {
			var object struct{ Type string }
			if err := json.Unmarshal([]byte(text), &object); err != nil {
				t.Errorf("%s: %v: %s", line, err, text)
			}
			switch last = object.Type; last {
			case "progress", "result", "error", "summary":
			default:
				t.Errorf("%s: a line of type %q", line, object.Type)
			}
		}
		if last != "summary" || a.stderr != "" {
			t.Errorf("%s: the last line is of type %q, stderr is %q", line, last, a.stderr)
		}
	}
}

func TestDataFolder(t *testing.T) {
	for _, c := range []struct {
		flag string
		env  map[string]string
		want string
	}{
		{"/flag", map[string]string{"SHOAL_DATA": "/env", "HOME": "/home"}, "/flag"},
		{"", map[string]string{"SHOAL_DATA": "/env", "XDG_DATA_HOME": "/xdg"}, "/env"},
		{"", map[string]string{"XDG_DATA_HOME": "/xdg", "HOME": "/home"}, "/xdg/shoal"},
		{"", map[string]string{"XDG_DATA_HOME": "relative", "HOME": "/home"}, "/home/.local/share/shoal"},
		{"", nil, ""},
	} {
		a := newApp(Env{Getenv: func(key string) string { return c.env[key] }, Now: apitest.Born, Stdout: new(bytes.Buffer), Stderr: new(bytes.Buffer)})
		a.flags.data = c.flag
		got, err := a.dataFolder()
		if got != c.want || (err != nil) != (c.want == "") {
			t.Errorf("%q, %v: %q, %v; want %q", c.flag, c.env, got, err, c.want)
		}
	}
}
