# Sourced after lib.sh: the busybox image with every applet and some groups.
every_applet() {
  mkdir -p /tmp/busybox/bin /tmp/busybox/etc
  local name
  for name in $(busybox --list | grep -v '^busybox$'); do ln -sf busybox "/tmp/busybox/bin/$name"; done
  printf 'root:x:0:\nstaff:x:50:\n' > /tmp/busybox/etc/group
  busybox_image
}
