package host

import (
	"crypto/ed25519"
	"crypto/rand"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"

	"shoal"
)

// maxKeyFile is the most bytes a key file may have; one has about 120.
const maxKeyFile = 4 << 10

// keyBlock is the PEM type of a PKCS #8 key (RFC 7468 section 10).
const keyBlock = "PRIVATE KEY"

// LoadIdentity reads a node's key from the file at path, or makes a key and
// the file when there is none. The file is PKCS #8 in PEM, as openssl writes
// it, and readable by its owner alone; a file that others may read, or that
// holds anything but one Ed25519 key, is refused with shoal.Usage and a hint.
// A new file is there whole and durable, or not at all.
func LoadIdentity(path string) (ed25519.PrivateKey, error) {
	key, err := ReadIdentity(path)
	if !errors.Is(err, fs.ErrNotExist) {
		return key, err
	}
	if err := createKey(path); err != nil {
		return nil, fmt.Errorf("create identity key %s: %w", path, err)
	}
	return ReadIdentity(path)
}

// ReadIdentity reads a node's key as LoadIdentity does, and makes none:
// fs.ErrNotExist if there is no file.
func ReadIdentity(path string) (ed25519.PrivateKey, error) {
	file, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("read identity key: %w", err)
	}
	defer file.Close()
	info, err := file.Stat()
	if err != nil {
		return nil, fmt.Errorf("read identity key: %w", err)
	}
	if mode := info.Mode(); mode.Perm()&0o077 != 0 {
		err := fmt.Errorf("identity key %s has mode %04o, so that others may read it: %w", path, mode.Perm(), shoal.Usage)
		return nil, shoal.WithHint(err, fmt.Sprintf("run chmod 600 %s; if someone may have read it, run `shoal doctor --new-identity`, and join with a new ticket", path))
	}
	text, err := io.ReadAll(io.LimitReader(file, maxKeyFile+1))
	if err != nil {
		return nil, fmt.Errorf("read identity key: %w", err)
	}
	key, err := parseKey(text)
	if err != nil {
		err := fmt.Errorf("identity key %s is malformed: %w: %w", path, err, shoal.Integrity)
		return nil, shoal.WithHint(err, "restore it from a backup; or run `shoal doctor --new-identity`, and join with a new ticket")
	}
	return key, nil
}

// parseKey reads the one key that a key file holds.
func parseKey(text []byte) (ed25519.PrivateKey, error) {
	if len(text) > maxKeyFile {
		return nil, fmt.Errorf("it is longer than %d bytes", maxKeyFile)
	}
	block, _ := pem.Decode(text)
	if block == nil || block.Type != keyBlock {
		return nil, fmt.Errorf("it has no PEM block of type %q", keyBlock)
	}
	parsed, err := x509.ParsePKCS8PrivateKey(block.Bytes)
	if err != nil {
		return nil, err
	}
	key, ok := parsed.(ed25519.PrivateKey)
	if !ok {
		return nil, errors.New("its key is not an Ed25519 key")
	}
	return key, nil
}

// createKey makes a key file at path, unless one has come to be there. It is
// written under another name first and then linked, which fails rather than
// replaces, so that neither a crash nor a second process can spoil it.
func createKey(path string) error {
	_, key, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		return err
	}
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return err
	}
	temporary := path + "." + rand.Text()
	if err := writeSynced(temporary, pem.EncodeToMemory(&pem.Block{Type: keyBlock, Bytes: der})); err != nil {
		return errors.Join(err, os.Remove(temporary))
	}
	defer func() { _ = os.Remove(temporary) }()
	if err := os.Link(temporary, path); err != nil && !errors.Is(err, fs.ErrExist) {
		return err
	}
	return syncFolder(filepath.Dir(path))
}

func writeSynced(path string, data []byte) error {
	file, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	_, err = file.Write(data)
	return errors.Join(err, file.Sync(), file.Close())
}

func syncFolder(path string) error {
	folder, err := os.Open(path)
	if err != nil {
		return err
	}
	return errors.Join(folder.Sync(), folder.Close())
}
