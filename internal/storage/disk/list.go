package disk

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

// errList means that a hash list file is not what was written.
var errList = errors.New("hash list file is damaged")

// encodeList writes the hash list file of f.
func encodeList(f content.File) []byte {
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
		return 0, f, fmt.Errorf("%w: it does not begin as one", errList)
	}
	if header[8] != listVersion {
		return 0, f, fmt.Errorf("%w: version %d is not known", errList, header[8])
	}
	if binary.BigEndian.Uint32(header[listSummed:]) != listSum(header) {
		return 0, f, fmt.Errorf("%w: its checksum is wrong", errList)
	}
	size, log2 := binary.BigEndian.Uint64(header[16:]), header[9]
	if size > uint64(content.MaxSize) || log2 > 62 {
		return 0, f, fmt.Errorf("%w: size %d, chunk size 2^%d", errList, size, log2)
	}
	cs, err := content.ParseChunkSize(1 << log2)
	if err != nil {
		return 0, f, fmt.Errorf("%w: %w", errList, err)
	}
	f = content.File{ID: shoal.FileID(header[24:56]), Size: int64(size), ChunkSize: cs}
	if f.Chunks() > content.MaxChunks {
		return 0, f, fmt.Errorf("%w: %d chunks are too many", errList, f.Chunks())
	}
	return listHeader + f.Chunks()*cvSize, f, nil
}

// decodeList reads what encodeList wrote, and checks that the list gives the
// id, so that nothing else has to be trusted.
func decodeList(data []byte) (content.File, error) {
	length, f, err := listLength(data)
	if err != nil {
		return content.File{}, err
	}
	if len(data) != length {
		return content.File{}, fmt.Errorf("%w: it has %d bytes, not %d", errList, len(data), length)
	}
	if f.List, err = content.ParseHashList(data[listHeader:], f.Chunks()); err != nil {
		return content.File{}, fmt.Errorf("%w: %w", errList, err)
	}
	if err := f.Check(); err != nil {
		return content.File{}, fmt.Errorf("%w: %w", errList, err)
	}
	if string(encodeList(f)) != string(data) {
		return content.File{}, fmt.Errorf("%w: its reserved bytes are not zero", errList)
	}
	return f, nil
}

// writeList makes a hash list file durable but for its name. What an
// interrupted attempt left there goes.
func writeList(root vfs.FS, f content.File) error {
	name := listName(f.ID)
	if err := removeIfThere(root, name); err != nil {
		return err
	}
	file, err := root.Open(name, vfs.CreateNew)
	if err != nil {
		return err
	}
	_, err = file.WriteAt(encodeList(f), 0)
	if err != nil {
		return errors.Join(err, file.Close(), root.Remove(name))
	}
	if err := file.Sync(); err != nil {
		return errors.Join(errSync, err, file.Close())
	}
	return file.Close()
}

// readList reads the hash list file of a file. The error is errList if it is
// there and wrong, fs.ErrNotExist if it is not there.
func readList(root vfs.FS, id shoal.FileID) (content.File, error) {
	file, err := root.Open(listName(id), vfs.ReadOnly)
	if err != nil {
		return content.File{}, err
	}
	f, err := readListFrom(file)
	if err == nil && f.ID != id {
		err = fmt.Errorf("%w: it is of %s", errList, f.ID)
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
		return content.File{}, fmt.Errorf("%w: it has %d bytes, not %d", errList, info.Size, length)
	}
	data := make([]byte, length)
	if err := readFull(file, data, 0); err != nil {
		return content.File{}, err
	}
	return decodeList(data)
}

// readFull fills p; an end of file before that is errList.
func readFull(file vfs.File, p []byte, off int64) error {
	n, err := file.ReadAt(p, off)
	if n == len(p) {
		return nil
	}
	if err == nil || errors.Is(err, io.EOF) {
		return fmt.Errorf("%w: it ends early", errList)
	}
	return err
}
