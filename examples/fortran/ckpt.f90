! The API of ckpt (ckpt.h) for Fortran 2003 and later: what is there, and one function that takes a Fortran string.
module ckpt
  use, intrinsic :: iso_c_binding
  implicit none

  integer(c_int), parameter :: ckpt_skipped = 0, ckpt_saved = 1, ckpt_restarted = 2, ckpt_started = 3
  integer(c_int32_t), parameter :: ckpt_async = 1, ckpt_sync = 2, ckpt_incremental = 4, ckpt_full = 8, &
    ckpt_once = 16, ckpt_not_in_copies = 32, ckpt_exit = 64, ckpt_executable = 128
  integer(c_int), parameter :: ckpt_before = 4, ckpt_resumed = 5, ckpt_in_handler = 256

  ! struct ckpt_options; times in nanoseconds.
  type, bind(c) :: ckpt_options
    integer(c_int32_t) :: size = 72, flags = 0
    integer(c_int64_t) :: every = 0, interval = 0
    real(c_double) :: probability = 0
    integer(c_int32_t) :: keep = 0, exit_status = 0
    type(c_ptr) :: label = c_null_ptr
    integer(c_int64_t) :: calls = 0, saves = 0, last = 0
  end type

  interface
    integer(c_int) function ckpt_checkpoint_c(path, options) bind(c, name="ckpt_checkpoint")
      import
      character(kind=c_char), intent(in) :: path(*)
      type(ckpt_options), intent(inout) :: options
    end function
    integer(c_int) function ckpt_wait(nanoseconds) bind(c)
      import
      integer(c_int64_t), value :: nanoseconds
    end function
    type(c_ptr) function ckpt_strerror_c(error) bind(c, name="ckpt_strerror")
      import
      integer(c_int), value :: error
    end function
    integer(c_int) function ckpt_available() bind(c)
      import
    end function
    integer(c_int) function ckpt_restarts() bind(c)
      import
    end function
    integer(c_int) function ckpt_defer() bind(c)
      import
    end function
    integer(c_int) function ckpt_allow() bind(c)
      import
    end function
    ! hook: c_funloc of a subroutine with bind(c) and one type(c_ptr), value argument.
    integer(c_int) function ckpt_on(event, hook, argument) bind(c)
      import
      integer(c_int), value :: event
      type(c_funptr), value :: hook
      type(c_ptr), value :: argument
    end function
    integer(c_int) function ckpt_off(number) bind(c)
      import
      integer(c_int), value :: number
    end function
    ! address: c_loc of an array; bytes: its storage.
    integer(c_int) function ckpt_exclude(address, bytes) bind(c)
      import
      type(c_ptr), value :: address
      integer(c_size_t), value :: bytes
    end function
    integer(c_int) function ckpt_include(address, bytes) bind(c)
      import
      type(c_ptr), value :: address
      integer(c_size_t), value :: bytes
    end function
  end interface

contains
  integer(c_int) function ckpt_checkpoint(path, options)
    character(*), intent(in) :: path
    type(ckpt_options), intent(inout) :: options
    ckpt_checkpoint = ckpt_checkpoint_c(trim(path) // c_null_char, options)
  end function

  ! The sentence of what an error meant.
  function ckpt_strerror(error) result(text)
    integer(c_int), intent(in) :: error
    character(:), allocatable :: text
    character(kind=c_char), pointer :: bytes(:)
    integer :: length
    call c_f_pointer(ckpt_strerror_c(error), bytes, [1024])
    length = 0
    do while (bytes(length + 1) /= c_null_char .and. length < 1023)
      length = length + 1
    end do
    allocate (character(length) :: text)
    text = transfer(bytes(1:length), text)
  end function
end module
