package crashfs

import (
	"io/fs"
	"maps"
	"path"
	"slices"

	"shoal/internal/storage/vfs"
)

// root is one open folder.
type root struct {
	system *System
	dir    string
}

// do runs one call of the kind op on name, alone and counted.
func (r *root) do(op Op, name string, run func(full string) error) error {
	r.system.mu.Lock()
	defer r.system.mu.Unlock()
	if err := r.system.call(op, name); err != nil {
		return err
	}
	return run(path.Join(r.dir, name))
}

func (r *root) Close() error { return nil }

func (r *root) Stat(name string) (info vfs.Info, err error) {
	err = r.do(OpStat, name, func(full string) error {
		n, err := r.system.find(full)
		if err == nil {
			info = n.info()
		}
		return err
	})
	return info, err
}

func (n *node) info() vfs.Info {
	return vfs.Info{Device: 1, Inode: n.inode, Size: int64(len(n.data)), ModTime: n.mtime, Regular: n.kind == regular}
}

func (r *root) List(name string) (names []string, err error) {
	err = r.do(OpList, name, func(full string) error {
		n, err := r.system.find(full)
		if err == nil {
			names = slices.Sorted(maps.Keys(n.names))
		}
		return err
	})
	return names, err
}

func (r *root) MakeDir(name string) error {
	return r.do(OpMakeDir, name, func(full string) error {
		dir, base, err := r.system.parent(full)
		if err == nil && dir.names[base] == nil {
			dir.names[base] = r.system.newNode(folder)
		}
		return err
	})
}

func (r *root) Remove(name string) error {
	return r.do(OpRemove, name, func(full string) error {
		dir, base, err := r.system.parent(full)
		if err != nil {
			return err
		}
		if dir.names[base] == nil {
			return pathError("remove", name, fs.ErrNotExist)
		}
		delete(dir.names, base)
		return nil
	})
}

func (r *root) Rename(from, to string) error { return r.rename(from, to, false) }

func (r *root) RenameNew(from, to string) error { return r.rename(from, to, true) }

func (r *root) rename(from, to string, onlyNew bool) error {
	return r.do(OpRename, from, func(full string) error {
		old, base, err := r.system.parent(full)
		if err != nil {
			return err
		}
		dir, target, err := r.system.parent(path.Join(r.dir, to))
		switch {
		case err != nil:
			return err
		case old.names[base] == nil:
			return pathError("rename", from, fs.ErrNotExist)
		case onlyNew && dir.names[target] != nil:
			return pathError("rename", to, fs.ErrExist)
		}
		dir.names[target] = old.names[base]
		delete(old.names, base)
		return nil
	})
}

func (r *root) SyncDir(name string) error {
	return r.do(OpSyncDir, name, func(full string) error {
		n, err := r.system.find(full)
		if err == nil {
			n.sync()
		}
		return err
	})
}

func (r *root) Free() (free int64, err error) {
	err = r.do(OpFree, "", func(string) error {
		free = r.system.free
		return nil
	})
	return free, err
}

func (r *root) Open(name string, mode vfs.Mode) (f vfs.File, err error) {
	err = r.do(OpOpen, name, func(full string) error {
		dir, base, err := r.system.parent(full)
		if err != nil {
			return err
		}
		n := dir.names[base]
		create := mode == vfs.CreateNew || mode == vfs.CreateOpen
		switch {
		case create && n != nil:
			return pathError("open", name, fs.ErrExist)
		case create:
			n = r.system.newNode(regular)
			dir.names[base] = n
		case n == nil:
			return pathError("open", name, fs.ErrNotExist)
		}
		f = &file{system: r.system, node: n, name: name}
		return nil
	})
	return f, err
}

func (r *root) Lock(name string) (f vfs.File, err error) {
	err = r.do(OpLock, name, func(full string) error {
		dir, base, err := r.system.parent(full)
		if err != nil {
			return err
		}
		if dir.names[base] == nil {
			dir.names[base] = r.system.newNode(regular)
		}
		n := dir.names[base]
		if n.locked {
			return pathError("lock", name, vfs.ErrLocked)
		}
		n.locked = true
		f = &file{system: r.system, node: n, name: name, unlock: true}
		return nil
	})
	return f, err
}
