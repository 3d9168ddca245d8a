package layout

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"

	"shoal"
	"shoal/internal/content"
	"shoal/internal/storage/vfs"
)

// The hash list file: a header of listHeader bytes, then the CVs.
//
//	0   8  "shoal-hl"
//	8   1  version, 1
//	9   1  log2 of the chunk size
//	10  6  zero
//	16  8  size of the file in bytes, big endian
//	24 32  id
//	56  4  zero
//	60  4  CRC-32C of the 60 bytes before, big endian
const (
	listMagic   = "shoal-hl"
	listVersion = 1
	listHeader  = 64
	listSummed  = 60
	cvSize      = len(content.CV{})
)

// The errors of hash list files.
var (
	// ErrList means that a hash list file is damaged.
	ErrList = errors.New("hash list file is damaged")

	// ErrSync means that the system refused to make bytes durable.
	ErrSync = errors.New("sync was refused")
)

// EncodeList writes the hash list file of f.
func EncodeList(f content.File) []byte {
	header := make([]byte, listHeader, listHeader+len(f.List)*cvSize)
	copy(header, listMagic)
	header[8] = listVersion
	header[9] = byte(f.ChunkSize.Log2())
	binary.BigEndian.PutUint64(header[16:], uint64(f.Size))
	copy(header[24:], f.ID[:])
	binary.BigEndian.PutUint32(header[listSummed:], listSum(header))
	return append(header, f.List.Bytes()...)
}

// listSum guards the header: the id vouches for the hash list, and not quite
// for the size, which may be off by less than a chunk.
func listSum(header []byte) uint32 {
	return crc32.Checksum(header[:listSummed], crc32.MakeTable(crc32.Castagnoli))
}

// listLength is how long the file is that a header begins, in bytes. What the
// header says is bounded before anything is made of it.
func listLength(header []byte) (int, content.File, error) {
	var f content.File
	if len(header) < listHeader || string(header[:8]) != listMagic {
		return 0, f, fmt.Errorf("%w: it does not begin as one", ErrList)
	}
	if header[8] != listVersion {
		return 0, f, fmt.Errorf("%w: version %d is not known", ErrList, header[8])
	}
	if binary.BigEndian.Uint32(header[listSummed:]) != listSum(header) {
		return 0, f, fmt.Errorf("%w: its checksum is wrong", ErrList)
	}
	size, log2 := binary.BigEndian.Uint64(header[16:]), header[9]
	if size > uint64(content.MaxSize) || log2 > 62 {
		return 0, f, fmt.Errorf("%w: size %d, chunk size 2^%d", ErrList, size, log2)
	}
	cs, err := content.ParseChunkSize(1 << log2)
	if err != nil {
		return 0, f, fmt.Errorf("%w: %w", ErrList, err)
	}
	f = content.File{ID: shoal.FileID(header[24:56]), Size: int64(size), ChunkSize: cs}
	if f.Chunks() > content.MaxChunks {
		return 0, f, fmt.Errorf("%w: %d chunks are too many", ErrList, f.Chunks())
	}
	return listHeader + f.Chunks()*cvSize, f, nil
}

// DecodeList parses a hash list file, and checks that the list gives the id, so
// nothing else has to be trusted. Errors: ErrList.
func DecodeList(data []byte) (content.File, error) {
	length, f, err := listLength(data)
	if err != nil {
		return content.File{}, err
	}
	if len(data) != length {
		return content.File{}, fmt.Errorf("%w: it has %d bytes, not %d", ErrList, len(data), length)
	}
	if f.List, err = content.ParseHashList(data[listHeader:], f.Chunks()); err != nil {
		return content.File{}, fmt.Errorf("%w: %w", ErrList, err)
	}
	if err := f.Check(); err != nil {
		return content.File{}, fmt.Errorf("%w: %w", ErrList, err)
	}
	if string(EncodeList(f)) != string(data) {
		return content.File{}, fmt.Errorf("%w: its reserved bytes are not zero", ErrList)
	}
	return f, nil
}

// WriteList writes a hash list file and syncs it, but not its name. It replaces the
// file of an interrupted attempt. Errors: ErrSync, and the system's own.
func WriteList(root vfs.FS, f content.File) error {
	name := ListName(f.ID)
	if err := vfs.RemoveIfThere(root, name); err != nil {
		return err
	}
	file, err := root.Open(name, vfs.CreateNew)
	if err != nil {
		return err
	}
	_, err = file.WriteAt(EncodeList(f), 0)
	if err != nil {
		return errors.Join(err, file.Close(), root.Remove(name))
	}
	if err := file.Sync(); err != nil {
		return errors.Join(ErrSync, err, file.Close())
	}
	return file.Close()
}

// ReadList reads the hash list file of a file. The error is ErrList if it is
// there and wrong, fs.ErrNotExist if it is not there.
func ReadList(root vfs.FS, id shoal.FileID) (content.File, error) {
	file, err := root.Open(ListName(id), vfs.ReadOnly)
	if err != nil {
		return content.File{}, err
	}
	f, err := readListFrom(file)
	if err == nil && f.ID != id {
		err = fmt.Errorf("%w: it is of %s", ErrList, f.ID)
	}
	return f, errors.Join(err, file.Close())
}

func readListFrom(file vfs.File) (content.File, error) {
	info, err := file.Stat()
	if err != nil {
		return content.File{}, err
	}
	header := make([]byte, listHeader)
	if err := readFull(file, header, 0); err != nil {
		return content.File{}, err
	}
	length, _, err := listLength(header)
	if err != nil {
		return content.File{}, err
	}
	if int64(length) != info.Size {
		return content.File{}, fmt.Errorf("%w: it has %d bytes, not %d", ErrList, info.Size, length)
	}
	data := make([]byte, length)
	if err := readFull(file, data, 0); err != nil {
		return content.File{}, err
	}
	return DecodeList(data)
}

// readFull fills p; an end of file before that is ErrList.
func readFull(file vfs.File, p []byte, off int64) error {
	n, err := file.ReadAt(p, off)
	if n == len(p) {
		return nil
	}
	if err == nil || errors.Is(err, io.EOF) {
		return fmt.Errorf("%w: it ends early", ErrList)
	}
	return err
}
