package RustPageCache::Later;

# A clock that the test sets forward, for an nginx that is started with it: what
# happens after a minute need not be waited for. See t/lib/later.c.

use v5.32;
use warnings;
use experimental 'signatures';

use File::Basename qw(dirname);

# dir => scratch folder
sub new ($class, %options) {
    my $self = bless {file => "$options{dir}/later", so => "$options{dir}/later.so", passed => 0}, $class;
    my $source = dirname(__FILE__) . '/../later.c';
    my $cc     = $ENV{CC} // 'cc';
    system($cc, '-shared', '-fPIC', '-O1', '-o', $self->{so}, $source, '-ldl') == 0
        or die "$cc does not compile $source\n";
    open my $out, '>:raw', $self->{file} or die "$self->{file}: $!\n";
    print {$out} pack 'q', 0;
    close $out or die "$self->{file}: $!\n";
    return $self;
}

# What nginx must find in its environment when it starts.
sub environment ($self) { return (LD_PRELOAD => $self->{so}, LATER => $self->{file}) }

# So many seconds pass. Whoever sleeps notices when something wakes him.
sub pass ($self, $seconds) {
    $self->{passed} += $seconds;
    open my $out, '+<:raw', $self->{file} or die "$self->{file}: $!\n";
    syswrite $out, pack 'q', $self->{passed};
    close $out or die "$self->{file}: $!\n";
    return;
}

1;
