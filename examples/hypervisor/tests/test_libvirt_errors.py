import unittest

try:
    import libvirt

    from hypervisor.libvirt_driver import LibvirtDriver

    HAVE_LIBVIRT = True
except ImportError:
    HAVE_LIBVIRT = False


@unittest.skipUnless(HAVE_LIBVIRT, "libvirt not present")
class LibvirtErrorsTest(unittest.TestCase):
    def setUp(self):
        self.driver = LibvirtDriver("test:///default", kind="test")
        self.addCleanup(self.driver.close)

    def test_unknown_guest(self):
        with self.assertRaises(libvirt.libvirtError) as caught:
            self.driver.start("nobody")
        self.assertEqual(caught.exception.get_error_code(), libvirt.VIR_ERR_NO_DOMAIN)

    def test_a_running_guest_is_not_started_twice(self):
        with self.assertRaisesRegex(libvirt.libvirtError, "already running"):
            self.driver.start("test")
