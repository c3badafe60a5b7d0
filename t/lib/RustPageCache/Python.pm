package RustPageCache::Python;

# Clients that Perl has none of: scripts of t/lib, run in the environment that scripts/setup has
# made. What goes in and what comes out is JSON.

use v5.32;
use warnings;
use experimental 'signatures';

use Cwd qw(abs_path);
use Exporter 'import';
use File::Basename qw(dirname);
use File::Temp ();
use JSON::PP;

our @EXPORT_OK = qw(run_python);

my $lib = abs_path(dirname(__FILE__) . '/..');

# What the script writes; dies with what it says if it fails. Strings are bytes.
sub run_python ($script, $input, @arguments) {
    my $python = $ENV{TEST_NGINX_PYTHON} // "$lib/../../.venv/bin/python";
    -x $python or die "$python is not there: run scripts/setup, or set TEST_NGINX_PYTHON\n";
    my $in = File::Temp->new;
    print {$in} encode_json($input // []);
    close $in;
    my $err    = File::Temp->new;
    my $quoted = join ' ', map { "'" . s/'/'\\''/gr . "'" } $python, "$lib/$script", @arguments;
    my $output = qx(PYTHONDONTWRITEBYTECODE=1 $quoted <$in 2>$err);
    if ($? != 0) {
        local $/;
        open my $said, '<', "$err" or die "$err: $!\n";
        die "$script failed: " . (<$said> // '') . "\n";
    }
    return length $output ? decode_json($output) : undef;
}

1;
